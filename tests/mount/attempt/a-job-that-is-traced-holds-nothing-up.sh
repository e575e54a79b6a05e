# A job may ask its parent, the launcher, to trace it, and stop. Neither its stops nor its end hold up other
# jobs, rm or the stop of filed.
. "${0%/*}/../../lib/test.sh"
cp "$out/tests/traced" "$tmp/traced"
chmod 755 "$tmp/traced"
config workers=5 retries=0 stop_grace=100ms
start_filed

for order in thread-first together leader-first; do
	submit $order "echo up; exec $tmp/traced $order"
	wait_for "grep -q up '$q/active/$order'"
done
pids=$(pgrep -f "^$tmp/traced" | xargs)
[ "$(echo "$pids" | wc -w)" = 3 ] || fail "not three jobs are running: $pids"
submit other "echo runs"
wait_in complete other
# The launcher lets go of them when it looks at its children, so a debugger may take its place.
untraced() {
	submit "tick-$(now)" :
	grep -q 'TracerPid:.0' "/proc/$1/status"
}
for pid in $pids; do wait_for "untraced $pid"; done
rm "$q/active/together"
mv "$q/active/thread-first" "$q/failed"
wait_for "[ \$(pgrep -c -f '^$tmp/traced') = 1 ]"
submit another "echo runs"
wait_in complete another

stop_filed
assert "the last one is killed by the stop" [ "$(pgrep -c -f "^$tmp/traced")" = 0 ]
