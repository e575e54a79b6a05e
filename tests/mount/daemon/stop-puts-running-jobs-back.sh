# After SIGTERM filed starts no job. Jobs that end within stop_grace end well. The others get SIGTERM and go back to
# pending, and their attempt does not count.
. "${0%/*}/../../lib/test.sh"
. "${0%/*}/../../lib/tree.sh"
config workers=3 retries=0 stop_grace=3s kill_grace=500ms
start_filed

submit quick "until [ -e $tmp/go ]; do sleep 0.05; done; echo quick"
submit slow "echo \$FILED_ATTEMPT >>$tmp/slow
	[ -e $tmp/go ] || { trap 'echo term >>$tmp/slow; exit 0' TERM; sleep 1000 & wait; }"
submit tree "[ -e $tmp/go ] || $tree_job"
wait_for_tree
wait_for '[ -s "$tmp/slow" ]'
wait_in active quick
submit more "echo more"
kill -TERM "$filed_pid"
wait_for 'grep -q stopping "$log"'
rm "$q/active/none" 2>/dev/null || : # it still serves
assert_eq pending "$(where more)" "where more is"
: >"$tmp/go"
wait_gone "$filed_pid" 30
reap
assert_eq 0 "$ended" "status"
assert_tree_dies
assert "the mount is gone" [ ! -e "$q/status" ]
assert_file "$tmp/slow" '1\nterm\n'

config workers=0
start_filed
assert_eq "complete pending pending pending" "$(where quick) $(where slow) $(where tree) $(where more)" "places"
assert_file "$q/complete/quick" ">>> until [ -e $tmp/go ]; do sleep 0.05; done; echo quick\nquick\n"
echo "workers = 3" >"$q/config.ini"
for id in slow tree more; do wait_in complete $id; done
assert_file "$tmp/slow" '1\nterm\n1\n'
