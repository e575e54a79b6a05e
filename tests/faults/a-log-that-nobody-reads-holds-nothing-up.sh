# The log is full, and nothing reads it: a pipe, a socket, a terminal that was stopped. Jobs are taken and run all the
# same, and filed stops as ever. Once the log is read again, it says how many lines were lost. The flags of a
# descriptor that filed shares with others stay as they are.
. "${0%/*}/../lib/test.sh"
needs fuse python3

# start_with_log KIND: filed, with a full log of that kind that nobody reads until $tmp/read is there. What filed
# writes from then on goes to $tmp/text.
start_with_log() {
	rm -f "$tmp/read" "$tmp/text"
	python3 "$top/tests/lib/still_log.py" "$1" "$tmp/read" "$tmp/text" filed ${conf:+-c "$conf"} -state "$state" "$q" &
	reader_pid=$!
	wait_for '[ -e "$q/status" ]' 20
	filed_pid=$(cat "/proc/$reader_pid/task/$reader_pid/children")
	filed_pid=${filed_pid% }
}

# run_jobs N: that many jobs, each with at least two lines of the log.
run_jobs() {
	n=0
	while [ $n -lt "$1" ]; do
		timeout $((20 * slow * ${patience:-4})) sh -c 'printf true >"$1"' - "$q/pending/$n" ||
			fail "no receipt after $n submissions"
		n=$((n + 1))
	done
	wait_for '[ "$(counter complete)" = '"$1"' ]' 60
}

config workers=4 '[daemon]' log_level=debug
for kind in pipe socket terminal; do
	start_with_log $kind
	run_jobs 20
	: >"$tmp/read"
	wait_for '[ -e "$tmp/text" ]'
	submit last true
	wait_in complete last
	wait_for 'grep -s -q "job last: .* complete" "$tmp/text"'
	grep -q '^filed: [0-9]* lines lost' "$tmp/text" || fail "$kind: it does not say how many lines were lost"
	! grep -v '^filed: ' "$tmp/text" || fail "$kind: a line was torn"
	kill "$filed_pid"
	status=0
	wait "$reader_pid" || status=$?
	assert_eq 0 "$status" "$kind: status, and flags that stayed"
	filed_pid=
	rm -f "$state"*
done

# It stops, too, while nobody reads.
start_with_log pipe
run_jobs 20
kill "$filed_pid"
status=0
wait_gone "$filed_pid" 30
: >"$tmp/read"
wait "$reader_pid" || status=$?
assert_eq 0 "$status" "status of a stop that nobody reads of"
filed_pid=
