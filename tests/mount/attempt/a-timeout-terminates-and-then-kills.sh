# After timeout the whole tree gets SIGTERM, kill_grace later SIGKILL; the attempt has failed, whatever
# its exit status.
. "${0%/*}/../../lib/test.sh"
. "${0%/*}/../../lib/tree.sh"
config workers=2 retries=0 timeout=4s kill_grace=500ms
start_filed

# One that obeys, with a child in another session.
text="trap 'sleep 0.2; echo bye; exit 0' TERM
setsid sh -c 'trap \"echo child >$tmp/child; exit\" TERM; sleep 1000 & wait' &
wait"
submit obeys "$text"
# One whose processes all ignore it, or do not know better.
submit ignores "$tree_job"
wait_in failed obeys 30
assert_file "$q/failed/obeys" '>>> %s\nbye\n\n\n[System Error]: timed out after 4s\n' "$text"
assert_file "$tmp/child" 'child\n'
wait_in failed ignores 30
assert_tree_dies
sed -n '2,$p' "$q/failed/ignores" >"$tmp/log-of-it"
assert_file "$tmp/log-of-it" 'started\nstill here\n\n\n[System Error]: timed out after 4s\n'

# It is an attempt like others: it is tried again, and 0 is no limit.
config workers=2 retries=1 backoff=1ms timeout=200ms
restart_filed
submit again "[ \$FILED_ATTEMPT = 2 ] || sleep 1000"
wait_in complete again 20
echo "timeout = 0" >"$q/config.ini"
submit long "sleep 1"
wait_in complete long
