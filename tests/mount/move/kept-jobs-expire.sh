# keep_complete and keep_failed remove jobs so long after their end; 0 keeps them for ever.
. "${0%/*}/../../lib/test.sh"
config workers=2 retries=0 keep_complete=1500ms
start_filed

submit c "echo c"
submit f "exit 1"
wait_in failed f
wait_for '[ -z "$(where c)" ] && [ "$(counter total_succeeded)" = 1 ]' 20
assert_eq "failed" "$(where f)" "where f is"
submit c2 "echo c2"
wait_in complete c2

# An hour, but dated two hours ago; over a restart.
config workers=2 retries=0 keep_complete=1h keep_failed=1h
restart_filed
submit c3 "echo c3"
wait_in complete c3
touch -d "@$(($(date +%s) - 7200))" "$q/failed/f" "$q/complete/c3"
wait_for '[ -z "$(where f)$(where c3)" ]'
submit c4 "echo c4"
wait_in complete c4
echo "keep_complete = 1ms" >"$q/config.ini"
wait_for '[ -z "$(where c4)" ]'
assert_eq 0 "$(counter complete)" "complete"
