# A daemon that is stopped by SIGSTOP answers no call. Its jobs go on. After SIGCONT callers get their answers, a job
# that has ended in time has not timed out, and a job that has run too long has.
. "${0%/*}/../lib/test.sh"
config workers=2 retries=0 timeout=6s kill_grace=300ms
start_filed

submit short "echo begins >$tmp/short; sleep 1; echo ends | tee -a $tmp/short"
submit long "echo begins >$tmp/long; trap '' TERM; while :; do sleep 1; done"
wait_for '[ -s "$tmp/short" ] && [ -s "$tmp/long" ]'
kill -STOP "$filed_pid"
wait_for 'grep -q "^State:.T" "/proc/$filed_pid/status"'
(printf 'echo late' >"$q/pending/late" && : >"$tmp/receipt") 2>"$tmp/said" &
writer=$!
wait_for 'grep -q ends "$tmp/short"'
began=$(now)
wait_for '[ "$(now)" -gt $((began + 6000)) ]'
assert "the writer has no receipt" [ ! -e "$tmp/receipt" ]

kill -CONT "$filed_pid"
wait_for '[ -e "$tmp/receipt" ]'
wait "$writer"
wait_in complete short
assert_eq "ends" "$(tail -n 1 "$q/complete/short")" "what it has printed meanwhile"
wait_in failed long
assert_eq "[System Error]: timed out after 6s" "$(tail -n 1 "$q/failed/long")" "cause"
wait_in complete late
