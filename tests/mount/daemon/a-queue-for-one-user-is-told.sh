# If only the user that has started filed can reach the queue, the log says so, and why.
. "${0%/*}/../../lib/test.sh"
needs fuse

told() { grep -c "^filed: only user $1 can reach the queue: $2\$" "$log" || :; }

config '[mount]' allow_other=no
start_filed
assert_eq 1 "$(told "$(id -u)" 'allow_other is no')" "lines in the log"
stop_filed
: >"$log"

[ "$(id -u)" = 0 ] || exit 0
needs setpriv fusermount3
conf=
start_filed
assert_eq 0 "$(grep -c 'only user' "$log" || :)" "lines for root, who may let others see it"
stop_filed
: >"$log"

mkdir "$tmp/home"
chown nobody "$q" "$tmp/home"
chmod 755 "$tmp"
setpriv --reuid "$(id -u nobody)" --regid "$(id -g nobody)" --clear-groups \
	filed -state "$tmp/home/filed.db" "$q" 2>>"$log" &
filed_pid=$!
wait_for 'grep -q "^filed: ready: " "$log"' 20
if grep -qx user_allow_other /etc/fuse.conf 2>/dev/null; then
	assert_eq 0 "$(grep -c 'only user' "$log" || :)" "lines where /etc/fuse.conf permits it"
else
	assert_eq 1 "$(told "$(id -u nobody)" '/etc/fuse.conf has no line user_allow_other')" "lines in the log"
	assert_fails EACCES ls "$q"
fi
kill "$filed_pid"
reap
