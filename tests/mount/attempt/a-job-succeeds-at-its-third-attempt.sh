# A job that fails twice and then succeeds is complete, with the log of its last attempt.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=5 backoff=10ms backoff_factor=1
start_filed

submit x 'echo attempt $FILED_ATTEMPT; [ $FILED_ATTEMPT = 3 ]'
wait_in complete x 20
assert_file "$q/complete/x" '>>> echo attempt $FILED_ATTEMPT; [ $FILED_ATTEMPT = 3 ]\nattempt 3\n'
assert_eq "3 1 2 0" "$(for key in started succeeded retried failed; do counter total_$key; done | xargs)" "totals"

# A job that runs again by mv starts from attempt 1.
mv "$q/complete/x" "$q/pending/x"
wait_for '[ "$(counter total_succeeded)" = 2 ]' 20
assert_eq 6 "$(counter total_started)" "started"

# A new text makes a new job, which starts from attempt 1, too.
echo "retries = 1
backoff = 1h" >"$q/config.ini"
submit y 'echo $FILED_ATTEMPT >>'"$tmp/y; exit 1"
wait_for '[ "$(counter total_retried)" = 5 ]'
printf 'echo new $FILED_ATTEMPT' >"$q/pending/y"
wait_in complete y
assert_file "$q/complete/y" '>>> echo new $FILED_ATTEMPT\nnew 1\n'
