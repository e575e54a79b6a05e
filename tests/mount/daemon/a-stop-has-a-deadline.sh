# A stop ends 5 s after its graces, whatever hangs: here a stopped launcher. The jobs are killed, the mount is
# gone, and the next start runs the jobs again. A second signal shortens the graces.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0 stop_grace=1m kill_grace=100ms
start_filed
submit x "echo \$\$ >>$tmp/x; exec sleep 1000"

for signals in "TERM INT" "INT TERM"; do
	wait_in active x
	wait_for '[ -s "$tmp/x" ]'
	pid=$(tail -n 1 "$tmp/x")
	: >"$tmp/x"
	kill -STOP "$(process filed-launcher)"
	began=$(now)
	for signal in $signals; do
		kill -"$signal" "$filed_pid"
		sleep 0.2
	done
	wait_gone "$filed_pid"
	reap
	assert "it took $(($(now) - began)) ms" [ $(($(now) - began)) -lt $((9000 * slow)) ]
	assert "the status tells" [ "$ended" = 1 ]
	assert "the job is killed" sh -c '! kill -0 "$1" 2>/dev/null' - "$pid"
	assert "the mount is gone" sh -c '! mountpoint -q "$1"' - "$q"
	grep -q "^filed: some attempts did not end in time; the next start runs their jobs again" "$log" ||
		fail "the log does not tell"
	start_filed
done

wait_for '[ -s "$tmp/x" ]'
kill "$(tail -n 1 "$tmp/x")"
wait_in failed x
