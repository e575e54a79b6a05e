# A daemon whose mount no longer answers is killed and started again.
# alone
# limit: 180
. "${0%/*}/../lib.sh"
. "${0%/*}/box"

echo 'healthcheck_timer=1 retry=SIGTERM/2/SIGKILL/5' >>/etc/conf.d/filed
rc start || fail "start"
victim=$(daemons | head -n 1)
kill -STOP "$victim"
wait_gone "$victim" 60
wait_for '[ -n "$(daemons)" ] && [ -e "$q/status" ]' 20
echo "echo again" >"$q/pending/1"
wait_in complete 1
rc stop || fail "stop"
