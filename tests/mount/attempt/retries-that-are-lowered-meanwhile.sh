# A job that waits for a retry when the retries are lowered gets the attempt that it waits for. The log counts it.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=3 backoff=1h
start_filed

submit x "exit 1"
wait_for '[ "$(counter waiting)" = 1 ]'
echo 'retries = 0' >>"$q/config.ini"
touch "$q/pending/x"
wait_in failed x
grep -q 'job x: attempt 2 of 2 starts' "$log" || fail "the log counts otherwise: $(grep starts "$log")"
