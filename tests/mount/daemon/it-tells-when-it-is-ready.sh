# filed tells a service manager when the queue is mounted, when it reads its configuration again and when it stops: by
# datagrams to $NOTIFY_SOCKET, a path or an abstract name, and by a line end to the descriptor of -ready-fd. Jobs
# inherit neither.
. "${0%/*}/../../lib/test.sh"
needs fuse python3
config workers=1 retries=0

cat >"$tmp/manager.py" <<'END'
import os, socket, sys
name, got, queue = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\0" + name[1:] if name[0] == "@" else name)
os.chmod(name, 0o777) if name[0] != "@" else None
open(got, "w").close()
while True:
    text = s.recv(4096).decode()
    with open(got, "a") as f:
        # As READY=1 comes, the queue answers.
        mounted = any(l.split()[4] == queue for l in open("/proc/self/mountinfo"))
        f.write(text.replace("\n", " ") + (" mounted" if mounted and "READY" in text else "") + "\n")
END

for socket in "$tmp/socket" "@filed-test-$$"; do
	rm -f "$tmp/got"
	python3 "$tmp/manager.py" "$socket" "$tmp/got" "$q" &
	manager=$!
	wait_for '[ -e "$tmp/got" ]'
	mkfifo "$tmp/ready"
	exec 7<>"$tmp/ready"
	exec 8>"$tmp/ready"
	export NOTIFY_SOCKET="$socket"
	start_filed -ready-fd 8
	unset NOTIFY_SOCKET
	exec 8>&-
	assert_eq 1 "$(timeout 20 head -c 1 <&7 | wc -l)" "line ends at the descriptor"
	wait_for 'grep -q READY "$tmp/got"'
	submit x 'echo "socket: $NOTIFY_SOCKET"; ls /proc/self/fd | wc -l'
	wait_in complete x
	assert_file "$q/complete/x" '%s\nsocket: \n4\n' '>>> echo "socket: $NOTIFY_SOCKET"; ls /proc/self/fd | wc -l'
	rm "$q/complete/x"
	kill -HUP "$filed_pid"
	wait_for '[ "$(grep -c READY "$tmp/got")" = 2 ]'
	stop_filed
	wait_for 'grep -q STOPPING "$tmp/got"'
	assert_eq "READY=1 mounted
RELOADING=1 MONOTONIC_USEC=N
READY=1 mounted
STOPPING=1" "$(sed 's/USEC=[0-9]*/USEC=N/' "$tmp/got")" "what it has told"
	exec 7<&-
	rm "$tmp/ready"
	kill "$manager"
done

# A manager that is gone, or a descriptor that is not open.
export NOTIFY_SOCKET="$tmp/nobody"
start_filed
grep -q "^filed: NOTIFY_SOCKET $tmp/nobody: No such file or directory" "$log" || fail "it is not told"
stop_filed
unset NOTIFY_SOCKET
status=0
filed -ready-fd 9 -state "$state" "$q" 2>"$tmp/said" || status=$?
assert_eq "1 filed: -ready-fd 9: Bad file descriptor" "$status $(cat "$tmp/said")"
status=0
filed -ready-fd two -state "$state" "$q" 2>"$tmp/said" || status=$?
assert_eq "2 filed: -ready-fd: \`two\` is no number of a descriptor from 3" "$status $(cat "$tmp/said")"
