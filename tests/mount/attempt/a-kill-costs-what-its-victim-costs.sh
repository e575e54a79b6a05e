# The cost of a kill does not depend on what else runs. Beside it are 300 processes without an environment, left by
# another job. If the kill looked at each of them, it would make at least one call more for each. Some calls more or
# less are the machine's noise.
# limit: 300
. "${0%/*}/../../lib/test.sh"
needs root setsid strace
config workers=2 retries=0
start_filed
[ "$(counter containment)" = cgroup ] || skip "filed cannot have cgroups here"
launcher=$(process filed-launcher)

# calls_of_kill ID: system calls of the launcher for the removal of a job.
calls_of_kill() {
	submit "$1" "exec sleep 98765"
	wait_in active "$1"
	main=$(pgrep -P "$launcher" -f '^sleep 98765')
	strace -f -s 0 -o "$tmp/$1" -p "$launcher" 2>/dev/null &
	tracer=$!
	wait_for 'grep -q "TracerPid:.*[1-9]" "/proc/$launcher/status"'
	rm "$q/active/$1"
	wait_gone "$main"
	wait_for 'grep -q "wait4(.*= $main" "$tmp/$wait_trace"'
	kill "$tracer"
	wait "$tracer" 2>/dev/null || true
	grep -c ' = ' "$tmp/$1"
}
wait_trace=alone
alone=$(calls_of_kill alone)

cat >"$tmp/many" <<END
i=0
while [ \$i -lt 300 ]; do
	(env -i setsid sh -c 'echo >>$tmp/pids; exec sleep 87654' &)
	i=\$((i + 1))
done
until [ "\$(grep -c '' $tmp/pids)" = 300 ]; do sleep 0.1; done
END
submit many "exec >/dev/null 2>&1; sh $tmp/many"
wait_in complete many 60
assert_eq 300 "$(pgrep -P "$launcher" -f '^sleep 87654' | wc -l)" "orphans"
wait_trace=beside
beside=$(calls_of_kill beside)
echo "alone: $alone, beside 300 orphans: $beside"
assert "not a call more for each orphan" [ "$beside" -lt $((alone + 100)) ]
