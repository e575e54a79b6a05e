# A FUSE connection that is aborted through /sys/fs/fuse/connections cannot be served any more: filed stops
# with a status that is not 0, its mount is gone, and the next start has all jobs.
. "${0%/*}/../lib/test.sh"
needs root
mkdir "$tmp/connections"
mount -t fusectl none "$tmp/connections" || skip "no fusectl here"
config workers=1 retries=0 stop_grace=300ms kill_grace=300ms
start_filed

submit running "echo \$FILED_ATTEMPT >>$tmp/runs; [ -e $tmp/go ] || exec sleep 1000"
submit next "echo next"
wait_for '[ -s "$tmp/runs" ]'
call hold "$q/pending/open" "echo half" >"$tmp/held" &
writer=$!
wait_for '[ -s "$tmp/held" ]'
tree "$filed_pid" >"$tmp/processes"

number=$(awk -v dir="$q" '$5 == dir { sub(/.*:/, "", $3); print $3 }' /proc/self/mountinfo)
echo 1 >"$tmp/connections/$number/abort"
assert "callers are told" sh -c '! cat "$1"' - "$q/status" 2>/dev/null
wait_gone "$filed_pid" 20
reap
assert_eq 1 "$ended" "status"
grep -q '^filed: the mount is gone; stopping' "$log" || fail "the log does not say why"
while read -r pid; do wait_gone "$pid"; done <"$tmp/processes"
assert "nothing is mounted" sh -c '! mountpoint -q "$1"' - "$q"
kill "$writer"

: >"$tmp/go"
start_filed
wait_in complete running
wait_in complete next
assert_file "$tmp/runs" '1\n1\n'
assert_eq "" "$(where open)" "where the text is that was never flushed"
