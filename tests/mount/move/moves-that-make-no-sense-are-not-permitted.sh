# A move by a user cannot make a job active or complete: EPERM, and nothing changes.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0
start_filed

submit_to_each
submit p "echo p"

for to in active complete; do
	assert_fails EPERM call rename "$q/pending/p" "$q/$to/p"
	assert_fails EPERM call rename "$q/pending/p" "$q/$to/other"
	assert_fails EPERM call rename "$q/failed/f" "$q/$to/f"
done
assert_fails EPERM call rename "$q/complete/c" "$q/active/c"
assert_fails EPERM call rename "$q/complete/c" "$q/failed/c"
assert_fails EPERM call rename "$q/active/a" "$q/complete/a"
assert_fails EPERM mv "$q/pending/p" "$q/complete/"

# Nor can a job be moved into the root, or a directory or special file be moved or removed.
for file in pending/p active/a failed/f complete/c; do
	assert_fails EPERM call rename "$q/$file" "$q/x"
done
for file in failed active new-id config.ini status; do
	assert_fails EPERM call rename "$q/$file" "$q/x"
	assert_fails EPERM call rename "$q/$file" "$q/pending/x"
done
assert_fails EPERM rm "$q/new-id"
assert_fails EPERM rmdir "$q/pending"

assert_eq "pending active failed complete" "$(where p) $(where a) $(where f) $(where c)" "places"
assert_eq 0 "$(counter total_killed)" "killed"
assert_file "$q/complete/c" '>>> echo c\nc\n'
rm "$q/active/a"
wait_in complete p
