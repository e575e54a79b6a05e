# kill -9 of the daemon: its mount is detached, every process of its jobs dies, and the jobs run again
# at the next start.
. "${0%/*}/../../lib/test.sh"
. "${0%/*}/../../lib/tree.sh"
config workers=2 retries=0
start_filed

submit ended "echo ended"
wait_in complete ended
submit x "echo \$FILED_ATTEMPT >>$tmp/x; [ -e $tmp/go ] || $tree_job"
wait_for_tree
submit .draft "echo draft"
tree "$filed_pid" >"$tmp/processes"
kill9
assert_tree_dies
while read -r pid; do wait_gone "$pid"; done <"$tmp/processes"
wait_for '! mountpoint -q "$q"'
assert_eq "" "$(ls -A "$q")" "the bare mount point"

: >"$tmp/go"
start_filed
wait_in complete x
assert_file "$tmp/x" '1\n1\n'
assert_file "$q/complete/ended" '>>> echo ended\nended\n'
assert_file "$q/pending/.draft" 'echo draft'
