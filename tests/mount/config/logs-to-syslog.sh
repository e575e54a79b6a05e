# With log = syslog, each line goes to the system's logger with its level and process, and none to stderr;
# the logger may be started anew.
. "${0%/*}/../../lib/test.sh"
needs root fuse busybox unshare
busybox --list | grep -q -x syslogd || skip "busybox has no syslogd here"

# /dev/log is made in a /dev of our own.
if [ -z "${boxed-}" ]; then
	unshare -m true 2>/dev/null || skip "no namespaces for mounts here"
	export boxed=1 TEST_TMP="$tmp"
	status=0
	unshare -m sh "$0" || status=$?
	exit $status
fi
. "${0%/*}/../../lib/logger.sh"

start_logger
config retries=0 '[daemon]' log=syslog
start_filed
id=$(printf 'line\nbreak')
submit "$id" 'exit 3'
wait_in failed "$id"
wait_for 'grep -q "failed: exit status 3" "$tmp/messages"'
grep -q "daemon\.info filed\[$filed_pid\]: job line.x0abreak: attempt 1 of 1 starts, owner 0\$" "$tmp/messages" ||
	fail "the start is logged otherwise: $(cat "$tmp/messages")"
grep -q "daemon\.info filed\[$filed_pid\]: job line.x0abreak: .* failed: exit status 3\$" "$tmp/messages" ||
	fail "the end is logged otherwise: $(cat "$tmp/messages")"
assert_eq "" "$(cat "$log")" "what it prints"

end_logger
submit unseen true
wait_in complete unseen
start_logger
submit seen true
wait_in complete seen
wait_for 'grep -q "job seen: .* complete" "$tmp/messages"'
stop_filed
end_logger
