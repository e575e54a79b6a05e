# The service starts, tells its status, reloads, restarts and stops, and leaves nothing behind.
# alone
# limit: 300
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/box.sh"

rc status && fail "it has started before it was started"
rc start || fail "start"
rc status || fail "status"
assert "start returns when the mount answers" grep -q '^workers ' "$q/status"
assert_eq "770 filed filed" "$(stat -c '%a %U %G' "$q/pending")" "pending"
assert_eq "filed-serve" "$(stat -c %U /var/lib/filed/filed.db)" "owner of the state"

echo "id -un" >"$q/pending/who"
wait_in complete who
assert_file "$q/complete/who" '>>> id -un\nfiled\n'

rc checkconfig || fail "checkconfig"
before=$(daemons)
set_in queue retries 7
rc reload || fail "reload"
wait_for 'grep -q "^retries *= *7" "$q/config.ini"'
assert_eq "$before" "$(daemons)" "processes after a reload"

rc restart || fail "restart"
assert_file "$q/complete/who" '>>> id -un\nfiled\n'
wait_for '! running "${before%% *}"'

echo "sleep 1000" >"$q/pending/long"
wait_in active long
set_in queue stop_grace 1s
rc restart || fail "restart with a new stop_grace"
wait_in active long
rc stop || fail "stop"
assert_eq "" "$(daemons)" "processes after a stop"
assert_eq "" "$(pgrep -f 'sleep 1000' || :)" "jobs after a stop"
assert "the mount is gone" [ ! -e "$q/status" ]
assert_eq "" "$(awk '$2 ~ /spool.filed/' /proc/self/mounts)" "mounts after a stop"
rc status && fail "it is stopped, but status says otherwise"
rc start || fail "start again"
wait_in active long
rc stop || fail "last stop"
