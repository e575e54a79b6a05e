# A process that has left the session lives on after an ordinary end of its job, and through a crash and a stop, like a
# service that cron has started. kill_leftovers = all kills it.
# limit: 300
. "${0%/*}/../../lib/test.sh"
. "${0%/*}/../../lib/hidden.sh"
needs root setsid
config workers=2 retries=0 stop_grace=0
start_filed
needs_cgroups

submit service "$hide"
wait_in complete service
assert_eq 3 "$(count_hidden)" "after its end"
submit other "sleep 98765"
wait_in active other
rm "$q/active/other"
kill9
assert_eq 3 "$(count_hidden)" "after a crash of filed"
start_filed
kill_both
start_filed
assert_eq 3 "$(count_hidden)" "after a crash of both"
restart_filed
assert_eq 3 "$(count_hidden)" "after a stop and a start"
# shellcheck disable=SC2046
kill $(cat "$tmp/pids")
assert_hidden_die

submit launcher "$hide"
wait_in complete launcher
submit other "echo \$\$ >$tmp/other; setsid sh -c 'echo \$\$ >>$tmp/other; exec sleep 98765' & sleep 98765"
wait_for '[ -e "$tmp/other" ] && [ "$(grep -c . "$tmp/other")" = 2 ]'
kill -KILL "$(process filed-launcher)"
wait_gone "$filed_pid" 20
reap
while read -r pid; do wait_gone "$pid"; done <"$tmp/other"
assert_eq 3 "$(count_hidden)" "after a crash of the launcher"
start_filed
assert_eq 3 "$(count_hidden)" "after that and a start"
# shellcheck disable=SC2046
kill $(cat "$tmp/pids")
assert_hidden_die
wait_in active other
rm "$q/active/other"
stop_filed

config workers=2 retries=0 '[sandbox]' kill_leftovers=all
start_filed
submit all "$hide"
wait_in complete all
assert_hidden_die
