# When a job's main process ends, the processes that it left in its session are killed.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0
start_filed

text="sleep 1000 & echo \$! >$tmp/child; (sleep 1000 & echo \$! >$tmp/orphan); echo done"
submit x "$text"
wait_in complete x
assert_file "$q/complete/x" ">>> $text\ndone\n"
wait_for '! running "$(cat "$tmp/child")" && ! running "$(cat "$tmp/orphan")"' 5

rm "$tmp/child"
# Even what ignores signals and what was stopped; and after a failure.
submit y "sh -c 'trap \"\" TERM HUP INT; echo \$\$ >$tmp/child; sleep 1000' & sleep 1000 &
kill -STOP \$!; echo \$! >$tmp/orphan
until [ -s $tmp/child ]; do sleep 0.05; done; exit 1"
wait_in failed y
wait_for '! running "$(cat "$tmp/child")" && ! running "$(cat "$tmp/orphan")"' 5
