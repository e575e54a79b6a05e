# A job in a sandbox cannot get out of it in any known way: not to other files, not to the queue that
# it is in, not to other processes, and not to a network that it was not given.
# limit: 600
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/escapes.sh"

runner=queue

# A queue for each set of options, and one without, serve side by side.
start_queue() { # SET [OPTION…]
	q=$tmp/q-$1 state=$tmp/state-$1/filed.db
	mkdir -p "$q" "$tmp/state-$1"
	shift
	start_filed "$@" 9<"$outside/secret"
	daemons="$daemons $filed_pid"
	launcher=$(cat "/proc/$filed_pid/task/$filed_pid/children")
	launcher=${launcher%% *}
}

stop_queues() {
	for filed_pid in $daemons; do
		q=$(tr '\0' '\n' <"/proc/$filed_pid/cmdline" | tail -n 1)
		stop_filed
	done
	daemons=
}

run_in() { # SET WAY…
	queue=$tmp/q-$1
	shift
	printf %s "exec $escape $*" >"$queue/pending/try-$number"
	wait_for '[ -e "$queue/complete/try-$number" ] || [ -e "$queue/failed/try-$number" ]' 30
	if [ -e "$queue/complete/try-$number" ]; then
		tail -n 1 "$queue/complete/try-$number"
	else
		sed -n 's/^\[System Error\]: //p' "$queue/failed/try-$number"
	fi
}
run_free() { run_in free "$@"; }
run_boxed() { run_in "$@"; }

# shellcheck disable=SC2046,SC2086
start_queues() {
	config retries=0
	start_queue free
	start_queue none $(options_of none)
	start_queue ports $(options_of ports)
	start_queue files $(options_of files)
}

# The job that was attacked is in its place again.
fresh_more() {
	[ "$filed_pid" ] || return 0
	[ "$(where other)" ] || submit other 'echo a secret'
	wait_in complete other
}

prepare_attempts
start_queues
program=$out/filed
queue_attempts='
files EACCES - read $state
files EACCES - read $state-wal
files EACCES - read-write $state
files EACCES - append $state-wal
files EACCES - create ${state%/*}/new
files EACCES|EXDEV - rename $state $work/new
files EACCES - list ${state%/*}
files EACCES - read $conf
files EACCES - read $program
files EACCES - exec $program -version
files EACCES - list $q
files EACCES - list $q/complete
files EACCES - read $q/complete/other
files EACCES - read $q/status
files EACCES - read $q/new-id
files EACCES - write $q/config.ini
files EACCES - open-truncate $q/config.ini
files EACCES - create $q/pending/new
files EACCES - rename $q/complete/other $q/pending/other
files EACCES - unlink $q/complete/other
files EACCES - read /proc/$filed_pid/root$outside/secret
files EACCES - read /proc/$filed_pid/environ
files EACCES root read /proc/$launcher/maps
files EPERM root ptrace $filed_pid
files EPERM root ptrace $launcher
files EPERM - process-vm-read $filed_pid
files EPERM - kill $filed_pid 18
files EPERM - kill $launcher 18
files EPERM - stop $filed_pid
files EPERM - stop $launcher
files EPERM - pidfd-signal $filed_pid
files EPERM maybe pidfd-getfd $filed_pid 0
files EPERM maybe prlimit $filed_pid
files EPERM maybe prlimit $launcher
'
attempts=$attempts$queue_attempts
attempt_all
[ "$tried" -ge 90 ] || [ ! "$is_root" ] || fail "only $tried attempts were made"
stop_queues
