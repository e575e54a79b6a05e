# A killed process that a tracer outside of the queue keeps from dying does not keep its worker. It blocks only its own
# id until it is dead, also if the shell of its job has ended. status and log name it. rm, mv and the stop of filed do
# not wait for it.
# limit: 300
. "${0%/*}/../../lib/test.sh"
. "${0%/*}/../../lib/hold.sh"
needs root # to trace any process

# leaves ID: submits a job whose shell ends when its other process is held, which is $pid.
leaves() {
	submit "$1" "sleep 1000 & echo \$! >$tmp/run/$1; until [ -e $tmp/run/$1.held ]; do sleep 0.05; done"
	wait_for '[ -s "$tmp/run/'"$1"'" ]'
	pid=$(cat "$tmp/run/$1")
	hold "$pid"
	: >"$tmp/run/$1.held"
}

# try NAME [OPTION…]
try() {
	echo "--- $1"
	shift
	start_filed "$@"
	assert_eq 0 "$(counter undying)" "undying at first"

	# rm
	begin x
	rm "$q/active/x"
	submit other "echo other" # for which there is no other worker
	wait_in complete other
	is_told
	submit x "echo again"
	submit another "echo another"
	wait_in complete another
	assert_eq pending "$(where x)" "the new x"
	dies
	wait_in complete x

	# mv to pending, with another name: the job waits for its own attempt
	begin y
	mv "$q/active/y" "$q/pending/z"
	submit next "echo next"
	wait_in complete next
	assert_eq pending "$(where z)" "the job that was moved"
	dies
	wait_for '[ "$(cat "$tmp/run/y")" != "$pid" ]'
	rm "$q/active/z"

	# a timeout
	echo 'timeout = 5s' >"$q/config.ini"
	begin t
	submit after "echo after"
	wait_in complete after
	is_told
	assert_eq active "$(where t)" "what has timed out"
	dies
	wait_in failed t
	assert_eq "[System Error]: timed out after 5s" "$(tail -n 1 "$q/failed/t")" "cause"

	# mv to failed, of what has timed out
	begin u
	wait_for '[ "$(counter undying)" = 1 ]'
	mv "$q/active/u" "$q/failed"
	dies
	assert_eq failed "$(where u)" "what was moved"

	# what the shell of a job has left, which is killed at its end
	leaves v
	submit more "echo more"
	wait_in complete more
	is_told
	assert_eq active "$(where v)" "whose shell has ended"
	dies
	wait_in complete v

	# rm of it
	leaves w
	wait_for '[ "$(counter undying)" = 1 ]'
	rm "$q/active/w"
	submit w "echo again"
	submit last "echo last"
	wait_in complete last
	assert_eq pending "$(where w)" "the new w"
	dies
	wait_in complete w

	# a stop
	echo 'timeout = 0' >"$q/config.ini"
	begin s
	stop_filed
	kill -0 "$pid" || fail "the process is not held"
	assert "the log tells" grep -q "does not die: PID $pid, state t" "$log"
	release
	wait_gone "$pid"
	rm -f "$state"* "$tmp"/run/*
}

mkdir "$tmp/run"
chmod 777 "$tmp/run"
config workers=1 retries=0 kill_grace=100ms stop_grace=100ms
try plain
config workers=1 retries=0 kill_grace=100ms stop_grace=100ms '[sandbox]' ro=/ rw="$tmp/run"
try "in a sandbox"
config workers=1 retries=0 kill_grace=100ms stop_grace=100ms '[daemon]' user=nobody
mkdir "$tmp/state"
state=$tmp/state/filed.db
try "as one user"
