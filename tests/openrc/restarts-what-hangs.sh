# A daemon is killed and started again if its mount no longer answers or is gone.
# alone
# limit: 300
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/box.sh"

echo 'healthcheck_timer=1' >>/etc/conf.d/filed
rc start || fail "start"
victim=$(daemons | head -n 1)
kill -STOP "$victim"
wait_gone "$victim" 60
wait_for '[ -n "$(daemons)" ] && [ -e "$q/status" ]' 20
echo "echo again" >"$q/pending/1"
wait_in complete 1

# The same if its mount was taken away.
victim=$(daemons | head -n 1)
umount -l "$q"
wait_gone "$victim" 60
wait_for '[ -n "$(daemons)" ] && [ -e "$q/status" ]' 20
assert_file "$q/complete/1" '>>> echo again\nagain\n'
rc stop || fail "stop"
