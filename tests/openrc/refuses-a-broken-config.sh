# With a configuration that is wrong, the service says why and neither starts, nor stops to restart.
# alone
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/box.sh"

cp /etc/filed/filed.conf "$tmp/good"
set_in queue retries many
rc checkconfig && fail "checkconfig finds it right"
grep -q 'filed.conf:[0-9]*: .*many' "$tmp/rc" || fail "checkconfig does not say where and why"
rc start && fail "it starts"
grep -q 'filed.conf:[0-9]*: .*many' "$tmp/rc" || fail "start does not say where and why"
assert_eq "" "$(daemons)" "processes"

cp "$tmp/good" /etc/filed/filed.conf
rc start || fail "start with the right one"
set_in queue retries many
running=$(daemons)
rc restart && fail "restart succeeds"
rc reload && fail "reload succeeds"
assert_eq "$running" "$(daemons)" "the daemon that ran"
assert "it still answers" [ -e "$q/status" ]
cp "$tmp/good" /etc/filed/filed.conf
rc stop || fail "stop"
rm /etc/filed/filed.conf
rc start && fail "it starts without a configuration"
grep -q '/etc/filed/filed.conf' "$tmp/rc" || fail "start does not say what is missing"
