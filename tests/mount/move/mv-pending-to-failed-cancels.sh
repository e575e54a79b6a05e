# mv pending/x failed cancels a job: it was never started, and its log says so.
. "${0%/*}/../../lib/test.sh"
config workers=0
start_filed

submit x "echo hello"
submit .draft "echo draft"
: >"$q/pending/empty"
mv "$q/pending/x" "$q/failed/"
mv "$q/pending/.draft" "$q/failed/was-a-draft"
mv "$q/pending/empty" "$q/failed/"
assert_file "$q/failed/x" '>>> echo hello\n\n\n[System Error]: cancelled by mv to failed\n'
assert_file "$q/failed/was-a-draft" '>>> echo draft\n\n\n[System Error]: cancelled by mv to failed\n'
assert_eq 0 "$(counter pending)" "pending"
assert_eq 3 "$(counter failed)" "failed"
assert_eq 0 "$(counter total_started)" "started"

# If a job waits for its next attempt, the log of the last one stays, and the cause also says how that ended.
config workers=1 retries=3 backoff=1h
restart_filed
submit y "exit 7"
wait_for '[ "$(counter total_retried)" = 1 ]'
mv "$q/pending/y" "$q/failed/"
assert_file "$q/failed/y" '>>> exit 7\n\n\n[System Error]: exit status 7\n\n\n[System Error]: %s\n' \
	"cancelled by mv to failed, last attempt: exit status 7"

# It can still be run.
mv "$q/failed/x" "$q/pending/"
wait_in complete x
assert_file "$q/complete/x" '>>> echo hello\nhello\n'
