# A reload follows a link to the file that it leads to now, also in a sandbox. Each changed key is logged with its old
# and its new value. A file that filed may not read changes nothing, and the log says so. A new hook counts at once.
. "${0%/*}/../../lib/test.sh"
needs root fuse

# version N RETRIES LINE…: makes the configuration with that number the one that the link leads to.
version() {
	mkdir -p "$tmp/conf"
	chmod 755 "$tmp/conf"
	number=$1
	{
		printf '[queue]\nworkers = 1\nretries = %s\n' "$2"
		shift 2
		printf '%s\n' "$@"
	} >"$tmp/conf/$number.conf"
	ln -sfn "../conf/$number.conf" "$tmp/etc/filed.conf.new"
	mv "$tmp/etc/filed.conf.new" "$tmp/etc/filed.conf"
}

mkdir "$tmp/etc"
sandbox="[sandbox]
ro = /usr
ro = /bin
ro = /lib"
version 1 0 "$sandbox"
conf=$tmp/etc/filed.conf
start_filed
submit x "exit 3"
wait_in failed x

: >"$tmp/hooked"
chmod 666 "$tmp/hooked"
version 2 5 "$sandbox" '[env]' 'TOKEN = secret' '[mount]' 'mode = 0700' \
	'[hooks]' "on_complete = echo \$FILED_ID >$tmp/hooked"
kill -HUP "$filed_pid"
wait_for 'grep -q "configuration read again" "$log"'
wait_for 'grep -q "^retries *= *5 *; $conf" "$q/config.ini"'
for line in 'retries = 5 (was 0)' '[env] has changed' "[hooks] on_complete = echo \$FILED_ID >$tmp/hooked (was not set)"; do
	grep -q -x -F "filed: configuration: $line" "$log" || fail "the log does not say: $line"
done
grep -q "changes of .mount., .daemon. and .sandbox. take effect at the next start" "$log" || fail "[mount] is not told"
! grep -q secret "$log" || fail "the log has a value of [env]"
submit y 'echo "$TOKEN"'
wait_in complete y
assert_file "$q/complete/y" '>>> echo "$TOKEN"\nsecret\n'
wait_for '[ -s "$tmp/hooked" ]'
assert_file "$tmp/hooked" 'y\n'

version 3 7
chmod 600 "$tmp/conf/3.conf"
kill -HUP "$filed_pid"
wait_for 'grep -q "^filed: $conf: Permission denied; the settings stay as they were" "$log"'
assert "the settings are as they were" grep -q "^retries *= *5" "$q/config.ini"
