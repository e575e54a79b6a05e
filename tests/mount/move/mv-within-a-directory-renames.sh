# Within pending, failed and complete mv renames, and the job stays the same otherwise.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0
start_filed

submit c "echo \$FILED_ID"
submit f "exit 3"
wait_in complete c
wait_in failed f
for job in complete/c failed/f; do
	before=$(call times "$q/$job")
	inode=$(stat -c %i "$q/$job")
	cat "$q/$job" >"$tmp/text"
	mv "$q/$job" "$q/${job}2"
	assert "the old name is gone" [ ! -e "$q/$job" ]
	assert_eq "$inode" "$(stat -c %i "$q/${job}2")" "inode of $job"
	assert_eq "${before% *}" "$(call times "$q/${job}2" | sed 's/ [0-9]*$//')" "atime and mtime of $job"
	assert "the log is the same" cmp -s "$tmp/text" "$q/${job}2"
done

submit .p "echo \$FILED_ID"
mv "$q/pending/.p" "$q/pending/p"
wait_in complete p
assert_file "$q/complete/p" '>>> echo $FILED_ID\np\n'
restart_filed
assert_eq "c2 p" "$(ls "$q/complete" | xargs)" "complete"
assert_eq "f2" "$(ls "$q/failed")" "failed"
