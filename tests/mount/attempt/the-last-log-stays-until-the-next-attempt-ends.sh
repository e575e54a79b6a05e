# While a job waits for its next attempt, mv to failed/ shows the log of its latest one, and a line. A mistaken mv of
# all failed jobs to pending/ is undone so.
. "${0%/*}/../../lib/test.sh"
needs getfattr
config workers=1 retries=1 backoff=1h
start_filed

# attribute DIR/ID NAME
attribute() { getfattr --only-values -n "user.filed.$2" "$q/$1" 2>/dev/null || :; }

submit x 'echo "run $FILED_ATTEMPT"; exit 3'
wait_for '[ "$(counter total_retried)" = 1 ]'
cancelled='cancelled by mv to failed, last attempt: exit status 3'
mv "$q/pending/x" "$q/failed"
text='>>> echo "run $FILED_ATTEMPT"; exit 3\nrun 1\n\n\n[System Error]: exit status 3\n'
end="\\n\\n[System Error]: $cancelled\\n"
assert_file "$q/failed/x" "$text$end"
assert_eq "3 $cancelled" "$(attribute failed/x exit) $(attribute failed/x last_error)" "attributes"

# Back and forth again: no second line.
config workers=0 retries=0
restart_filed
for id in y z; do submit $id "echo $id; exit 4"; done
echo 'workers = 2' >>"$q/config.ini"
for id in y z; do wait_in failed $id; done
echo 'workers = 0' >>"$q/config.ini"
mv "$q/failed"/* "$q/pending"
assert_eq 3 "$(counter pending)" "pending"
mv "$q/pending"/* "$q/failed"
assert_file "$q/failed/x" "$text$end"
for id in y z; do
	assert_file "$q/failed/$id" '%s\n\n\n[System Error]: %s\n\n\n[System Error]: %s\n' ">>> echo $id; exit 4
$id" "exit status 4" "cancelled by mv to failed, last attempt: exit status 4"
done

# The next attempt shows only its own output, and so does its end.
mv "$q/failed/x" "$q/pending"
echo 'workers = 1' >>"$q/config.ini"
wait_in failed x
assert_file "$q/failed/x" "$text"
