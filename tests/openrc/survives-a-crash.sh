# A daemon that was killed is started again by its supervisor, and what ran in it runs again.
# alone
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/box.sh"

mkdir /var/lib/jobs
chown filed /var/lib/jobs
rc start || fail "start"
echo "echo \$FILED_ATTEMPT >> /var/lib/jobs/tries; exec sleep 1000" >"$q/pending/long"
wait_in active long
wait_for '[ -s /var/lib/jobs/tries ]'
victims=$(daemons)
kill -KILL "$(echo "$victims" | head -n 1)"
for pid in $victims; do wait_gone "$pid"; done
wait_for '[ -n "$(daemons)" ] && [ -e "$q/active/long" ]' 20
wait_for '[ "$(wc -l </var/lib/jobs/tries)" = 2 ]'
assert_eq 1 "$(pgrep -f "^sleep 1000" | wc -l)" "jobs that run"
rc status || fail "status"
rm "$q/active/long"
rc stop || fail "stop"
