# rm active/x kills all of the job's processes at once and removes the job.
. "${0%/*}/../../lib/test.sh"
. "${0%/*}/../../lib/tree.sh"
config workers=1 retries=3 backoff=1ms
start_filed

submit x "$tree_job"
wait_for_tree
rm "$q/active/x"
assert_tree_dies
assert_eq "" "$(where x)" "where x is"
submit x "echo another" # the name is free at once
wait_in complete x
assert_file "$q/complete/x" '>>> echo another\nanother\n'
assert_eq 1 "$(counter total_killed)" "killed"
