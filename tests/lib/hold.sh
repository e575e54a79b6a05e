# Keeps a process from dying. Sourced after test.sh.
# shellcheck shell=sh disable=SC2154

tracer=
trap 'status=$?; set +e; release; (exit "$status"); cleanup' EXIT

# hold PID…: they do not die until release.
hold() {
	: >"$tmp/held"
	traced hold "$@" >"$tmp/held" &
	tracer=$!
	wait_for '[ -s "$tmp/held" ]'
}
release() {
	[ ! "$tracer" ] || kill -KILL "$tracer"
	tracer=
}

# begin ID [TEXT]: submits a job that runs for long, after TEXT. Its process is $pid, which is held.
begin() {
	rm -f "$tmp/run/$1"
	submit "$1" "${2-}echo \$\$ >$tmp/run/$1; exec sleep 1000"
	wait_for '[ -s "$tmp/run/'"$1"'" ]'
	pid=$(cat "$tmp/run/$1")
	hold "$pid"
}
is_told() {
	assert_eq 1 "$(counter undying)" "undying"
	assert_eq "$pid,t" "$(counter does_not_die)" "the line of status"
	assert "the log tells" grep -q "does not die: PID $pid, state t" "$log"
}
dies() {
	kill -0 "$pid" || fail "the process is not held"
	release
	wait_gone "$pid"
	wait_for '[ "$(counter undying)" = 0 ]'
}
