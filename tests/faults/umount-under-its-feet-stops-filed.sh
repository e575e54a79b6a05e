# umount -l stops filed as a signal would, but with a status that is not 0, because the queue cannot be reached any
# more. Open files stay usable until the jobs have ended, and the next start has all jobs.
. "${0%/*}/../lib/test.sh"
needs root
config workers=1 retries=0 stop_grace=20s kill_grace=300ms
start_filed

submit ended "echo ended"
wait_in complete ended
submit running "echo \$FILED_ATTEMPT >>$tmp/runs; [ -e $tmp/go ] || exec sleep 1000"
wait_in active running
wait_for '[ -s "$tmp/runs" ]'
exec 4<"$q/complete/ended"
tree "$filed_pid" >"$tmp/processes"
mkdir "$tmp/elsewhere"
mount -t tmpfs none "$tmp/elsewhere" # other mounts come and go
umount "$tmp/elsewhere"
assert "it is unimpressed" [ -e "$q/status" ]

umount -l "$q"
assert_eq ">>> echo ended" "$(head -n 1 <&4)" "what was open"
exec 4<&-
wait_for 'grep -q "the mount is gone; stopping" "$log"'
kill -TERM "$filed_pid" # a second signal to stop waits for no grace
wait_gone "$filed_pid" 20
reap
assert_eq 1 "$ended" "status"
while read -r pid; do wait_gone "$pid"; done <"$tmp/processes"

: >"$tmp/go"
start_filed
wait_in complete running
assert_file "$tmp/runs" '1\n1\n'
assert_file "$q/complete/ended" '>>> echo ended\nended\n'
