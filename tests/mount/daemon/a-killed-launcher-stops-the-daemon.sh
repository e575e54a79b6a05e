# kill -9 of the launcher: every process of the jobs dies, and the daemon ends with a status that is
# not 0. When both are killed at once, the next start clears up.
. "${0%/*}/../../lib/test.sh"
. "${0%/*}/../../lib/tree.sh"
config workers=1 retries=0
start_filed

submit x "echo \$FILED_ATTEMPT >>$tmp/x; [ -e $tmp/go ] || $tree_job"
wait_for_tree
tree "$filed_pid" >"$tmp/processes"
kill -KILL "$(launcher_pid)"
wait_gone "$filed_pid" 20
reap
assert "the daemon says that something was wrong: status $ended" [ "$ended" -gt 0 ]
assert_tree_dies
assert "the mount is gone" sh -c '! mountpoint -q "$1"' - "$q"

start_filed
wait_for_tree
tree "$filed_pid" >>"$tmp/processes"
kill -KILL "$(launcher_pid)" "$filed_pid"
reap
: >"$tmp/go"
start_filed # on the dead mount
assert_tree_dies
wait_in complete x
while read -r pid; do wait_gone "$pid"; done <"$tmp/processes"
assert_file "$tmp/x" '1\n1\n1\n'
