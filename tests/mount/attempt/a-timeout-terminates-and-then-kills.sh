# After timeout the whole tree gets SIGTERM, and after kill_grace SIGKILL. The attempt has failed, whatever its exit
# status is.
# limit: 300
. "${0%/*}/../../lib/test.sh"
. "${0%/*}/../../lib/tree.sh"
config workers=2 retries=0 timeout=5s kill_grace=3s
start_filed

# A job that obeys, with a child in another session, for which it waits. It starts no process after SIGTERM, because
# its shell would tell of one that got SIGTERM, too.
text="trap 'wait; echo bye; exit 0' TERM
setsid sh -c 'trap \"echo child >$tmp/child; exit\" TERM; sleep 1000 & wait' &
wait"
submit obeys "$text"
# A job with a main process that ignores SIGTERM.
submit ignores "$tree_job"
wait_in failed obeys 60
assert_file "$q/failed/obeys" '>>> %s\nbye\n\n\n[System Error]: timed out after 5s\n' "$text"
assert_file "$tmp/child" 'child\n'
wait_in failed ignores 60
assert_tree_dies
sed -n '2,$p' "$q/failed/ignores" >"$tmp/log-of-it"
assert_file "$tmp/log-of-it" 'started\nstill here\n\n\n[System Error]: timed out after 5s\n'

# It is an attempt like others: it is tried again.
config workers=2 retries=1 backoff=1ms timeout=2s
restart_filed
submit again "[ \$FILED_ATTEMPT = 2 ] || sleep 1000"
wait_in complete again 60
# 0 is no limit.
echo "timeout = 0" >"$q/config.ini"
submit long "sleep 3"
wait_in complete long 60
