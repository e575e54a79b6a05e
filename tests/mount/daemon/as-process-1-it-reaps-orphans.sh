# As process 1 of a container filed reaps orphans, and a stop with the default graces is done within ten seconds, also
# if a job ignores SIGTERM.
. "${0%/*}/../../lib/test.sh"
needs root fuse unshare nsenter
unshare -m -p -f --mount-proc true 2>/dev/null || skip "no namespaces here"

unshare -m -p -f --mount-proc --kill-child "$out/filed" -state "$state" "$q" 2>"$log" &
filed_pid=$!
wait_for 'inside=$(pgrep -P "$filed_pid" -x filed)'
q=/proc/$inside/root$q
wait_for '[ -e "$q/status" ]' 20

# A process that outlives its parent, and is no descendant of a job.
nsenter -t "$inside" -p sh -c '(exec sleep 0.2) &'
children() { ps --ppid "$inside" -o stat=,comm=; }
wait_for '[ -z "$(children | grep sleep)" ]'
assert_eq 2 "$(children | wc -l)" "children, $(children | xargs)"

submit x "trap 'echo told >$tmp/told' TERM; echo runs >$tmp/runs; while :; do sleep 1; done"
wait_for '[ -s "$tmp/runs" ]'
began=$(now)
kill -TERM "$inside"
wait_gone "$inside"
took=$(($(now) - began))
assert_eq told "$(cat "$tmp/told")" "the job"
assert "it took $took ms" [ $took -lt $((10000 * slow)) ]
assert "it has waited for the job: $took ms" [ $took -ge 7900 ]
wait "$filed_pid" || fail "status $?"
filed_pid=
grep -q '^filed: stopped' "$log" || fail "the stop was not orderly"
