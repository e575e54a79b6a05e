# mv active/x failed kills all processes of the job at once; it is not tried again and its log is final.
. "${0%/*}/../../lib/test.sh"
. "${0%/*}/../../lib/tree.sh"
config workers=1 retries=3 backoff=1ms kill_grace=1h
start_filed

submit x "$tree_job"
wait_for_tree
wait_for 'grep -q started "$q/active/x"'
mv "$q/active/x" "$q/failed/"
assert_tree_dies
assert_file "$q/failed/x" '>>> %s\nstarted\n\n\n[System Error]: stopped by mv to failed\n' "$tree_job"
assert_eq failed "$(where x)" "where x is"

# Its worker is free again, and its log has not grown.
submit y "true"
wait_in complete y
assert_eq failed "$(where x)" "where x is"
assert_file "$q/failed/x" '>>> %s\nstarted\n\n\n[System Error]: stopped by mv to failed\n' "$tree_job"
assert_eq 1 "$(counter total_killed)" "killed"
assert_eq 2 "$(counter total_started)" "started"
