# Timeouts do not follow the wall clock when it is set, but due times do. A step forward makes later jobs due. After a
# step back, jobs that were due wait.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/faults.sh"
needs fuse file
config workers=4 retries=0 timeout=12s kill_grace=300ms
start_filed

submit long "echo long >>$tmp/runs; exec sleep 1000"
wait_for '[ -s "$tmp/runs" ]'
began=$(now)
submit .tomorrow "echo tomorrow"
touch -d "@$(($(date +%s) + 86400))" "$q/pending/.tomorrow"
mv "$q/pending/.tomorrow" "$q/pending/tomorrow"
assert_eq 1 "$(counter waiting)" "waiting"

step 86500
submit other "echo other" # to wake it: see preload/faults.c
wait_in complete tomorrow
wait_in complete other
assert "a step forward ends no attempt" [ -e "$q/active/long" ]
times=$(call times "$q/complete/other")
seconds=${times%%[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9] *}
assert "what ends has the time that it is now" [ "$seconds" -gt $(($(date +%s) + 86400)) ]

step -86400
submit .then "echo then"
touch -d "@$(date +%s)" "$q/pending/.then"
mv "$q/pending/.then" "$q/pending/then"
submit now "echo now"
wait_in complete now
assert "what was for now waits" [ -e "$q/pending/then" ]
wait_in failed long 20
assert_eq "[System Error]: timed out after 12s" "$(tail -n 1 "$q/failed/long")" "cause"
assert "in time: $(($(now) - began)) ms" [ $(($(now) - began)) -ge 11900 ]
