# What the service logs arrives at the system's logger, and what keeps it from starting is told by rc-service.
# alone
# limit: 300
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/box.sh"
needs busybox
busybox --list | grep -q -x syslogd || skip "busybox has no syslogd here"

. "${0%/*}/../lib/logger.sh"
start_logger

set_in queue retries 0
rc start || fail "start"
wait_for 'grep -q "filed.*: ready: $q" "$tmp/messages"'
echo "exit 3" >"$q/pending/1"
wait_for 'grep -q "job 1: .*failed: exit status 3" "$tmp/messages"'
set_in queue backoff 9s
rc reload || fail "reload"
wait_for 'grep -q "backoff = 9s (was 1s)" "$tmp/messages"'

# A configuration that filed may not read can be started with, but not reloaded.
chmod 600 /etc/filed/filed.conf
rc reload && fail "reload of what filed may not read succeeds"
grep -q 'filed may not read it' "$tmp/rc" || fail "it says: $(cat "$tmp/rc")"
rc restart || fail "restart with it"
wait_for '[ -e "$q/status" ]'
chmod 644 /etc/filed/filed.conf

# refused WORDS: a restart leaves the queue as it is, and says why.
refused() {
	running=$(daemons)
	rc restart && fail "restart succeeds: $1"
	grep -q -E "$1" "$tmp/rc" || fail "restart does not say: $1"
	assert_eq "$running" "$(daemons)" "the daemon that ran"
	assert "it still answers" [ -e "$q/status" ]
}
cp /etc/filed/filed.conf "$tmp/good"
set_in queue shell /bin/none
refused 'shell /bin/none: No such file'
cp "$tmp/good" /etc/filed/filed.conf

# A second service with the same queue is refused, and the first goes on.
ln -s filed /etc/init.d/filed.copy
cp /etc/filed/filed.conf /etc/filed/copy.conf
rc start filed.copy && fail "a copy starts beside"
grep -q 'another filed serves this queue already' "$tmp/rc" || fail "it says: $(cat "$tmp/rc")"
assert "the first answers" [ -e "$q/status" ]
rc stop || fail "stop"

# What a start refuses is told where it was ordered.
cp /var/lib/filed/filed.db "$tmp/db"
head -c 8192 /dev/urandom >/var/lib/filed/filed.db
rm -f /var/lib/filed/filed.db-wal
rc start && fail "it starts with random bytes"
grep -q 'not a filed state file' "$tmp/rc" || fail "it says: $(cat "$tmp/rc")"
cp "$tmp/db" /var/lib/filed/filed.db
mkdir -p "$q"
: >"$q/in-the-way"
rc start && fail "it starts on a directory that is not empty"
grep -q 'not empty' "$tmp/rc" || fail "it says: $(cat "$tmp/rc")"
rm "$q/in-the-way"

# cfgfile in conf.d/filed is not for links.
cp /etc/filed/filed.conf /etc/filed/other.conf
echo 'cfgfile=/etc/filed/other.conf' >>/etc/conf.d/filed
sed 's|/var/spool/filed|/var/spool/second|; s|/var/lib/filed/|/var/lib/second/|' "$tmp/good" >/etc/filed/second.conf
ln -s filed /etc/init.d/filed.second
rc start || fail "start with another configuration"
assert "it has that one" [ -n "$(daemons other)" ]
rc start filed.second || fail "start of the second"
assert "it has its own" [ -n "$(daemons second)" ]
rc stop filed.second || fail "stop of the second"

# A mount that a stop leaves dead is unmounted.
for pid in $(pgrep -x 'filed-launcher|filed-notifie'); do kill -STOP "$pid"; done
kill -KILL "$(daemons other | head -n 1)"
rc stop || fail "stop of what was killed"
assert_eq "" "$(awk '$2 ~ /spool.filed/' /proc/self/mounts)" "mounts after a stop"
for pid in $(pgrep -x 'filed-launcher|filed-notifie'); do kill -KILL "$pid"; done
