# What a job starts dies with it after rm, mv, a timeout, a stop, and a crash of filed, of its launcher and of both:
# also orphans that have left the session and emptied their environment.
# limit: 300
. "${0%/*}/../../lib/test.sh"
. "${0%/*}/../../lib/hidden.sh"
needs root setsid
config workers=2 retries=0 interruptions=0 kill_grace=0 stop_grace=0
start_filed
needs_cgroups

submit x "$hide; sleep 98765"
wait_for_hidden
rm "$q/active/x"
assert_hidden_die

submit y "$hide; sleep 98765"
wait_for_hidden
mv "$q/active/y" "$q/failed/y"
assert_hidden_die

echo 'timeout = 1s' >"$q/config.ini"
submit z "$hide; sleep 98765"
wait_for_hidden
wait_in failed z
assert_hidden_die
echo 'timeout = 0' >"$q/config.ini"

text="[ -e $tmp/go ] || { $hide; sleep 98765; }"
submit crash "$text"
for crash in kill9 kill_launcher kill_both; do
	wait_for_hidden
	case $crash in
	kill_launcher)
		kill -KILL "$(process filed-launcher)"
		reap
		;;
	*) $crash ;;
	esac
	if [ "$crash" = kill_both ]; then
		assert_eq 3 "$(count_hidden)" "hidden processes while nobody looks for them"
		: >"$tmp/go"
	fi
	[ "$crash" = kill_both ] || assert_hidden_die
	start_filed
done
# Before the job runs again.
wait_in complete crash
assert_eq 0 "$(count_hidden)" "hidden processes after the start"
grep -q '^filed: killed [0-9]* processes of attempts that a crash had left' "$log" || fail "it was not told"

rm "$tmp/pids" "$tmp/go"
submit stop "$text"
wait_for_hidden
stop_filed
assert_hidden_die

# A job that prints when filed dies ends by SIGPIPE. That is no end by itself, also if filed takes its time to
# close what it has open: many pipes, and its socket last.
rm -f "$state"*
config workers=300 retries=0 kill_grace=0 stop_grace=0
start_filed
seq 290 | while read -r i; do submit "idle$i" "exec sleep 98764"; done
wait_for '[ "$(counter active)" = 290 ]' 60
for i in 1 2 3 4 5 6 7 8; do
	submit "pipe$i" "setsid sh -c 'echo \$\$ >>$tmp/pids; exec sleep 98765' & while :; do echo and so on; done"
done
wait_for '[ -e "$tmp/pids" ] && [ "$(grep -c . "$tmp/pids")" = 8 ]' 30
kill9
assert_hidden_die
