# keep_complete and keep_failed remove jobs so long after their end; 0 keeps them forever.
. "${0%/*}/../../lib/test.sh"
config workers=2 retries=0 keep_complete=1500ms
start_filed

submit f "exit 1"
wait_in failed f
submit c "echo c"
# It may be gone again before a slow poll sees it in complete/.
wait_for '[ "$(counter total_succeeded)" = 1 ]'
wait_for '[ -z "$(where c)" ]' 20
assert_eq "failed" "$(where f)" "where f is"

# An hour, also over a restart. Jobs that are dated two hours ago are removed, others stay.
config workers=2 retries=0 keep_complete=1h keep_failed=1h
restart_filed
submit c1 "echo c1"
submit c2 "echo c2"
wait_in complete c1
wait_in complete c2
touch -d "@$(($(date +%s) - 7200))" "$q/failed/f" "$q/complete/c1"
wait_for '[ -z "$(where f)$(where c1)" ]'
assert_eq "complete" "$(where c2)" "where c2 is"
echo "keep_complete = 1ms" >"$q/config.ini"
wait_for '[ -z "$(where c2)" ]'
assert_eq 0 "$(counter complete)" "complete"
