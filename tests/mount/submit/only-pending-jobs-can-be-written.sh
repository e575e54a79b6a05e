# Writing to a job that is not pending fails with EACCES, whatever its mode; so do status and new-id.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0
start_filed

submit_to_each "echo a; until [ -e $tmp/go ]; do sleep 0.1; done"
chmod 666 "$q/complete/c" "$q/failed/f" "$q/active/a"
for file in complete/c failed/f active/a; do
	for how in trunc append keep; do
		assert_fails EACCES sh -c 'echo x | call put "$1" $2' - "$q/$file" $how
	done
	assert_fails EACCES call size "$q/$file" 0
done
assert_fails EACCES sh -c 'echo x | call put "$1"' - "$q/status"
assert_fails EACCES sh -c 'echo x | call put "$1"' - "$q/new-id"
: >"$tmp/go"
wait_in complete a
assert_file "$q/complete/a" ">>> echo a; until [ -e $tmp/go ]; do sleep 0.1; done\na\n"
assert_file "$q/complete/c" '>>> echo c\nc\n'

# A descriptor that was opened while the job was pending does not write to its log.
submit .d "echo d"
exec 3>>"$q/pending/.d"
assert_fails EBUSY call rename "$q/pending/.d" "$q/failed/d"
exec 3>&-
