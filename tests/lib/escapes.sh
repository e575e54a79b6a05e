# Ways to get out of a sandbox, and what a test needs to try them. Sourced after test.sh by the
# tests that run them in different ways: each sets the runner's functions and calls `attempt_all`.
#
#   run_free WAY…        does `escape WAY…` without a sandbox and prints what it says
#   run_boxed SET WAY…   the same with the options that `options_of SET` prints
#   runner=launch|queue  which of the rows below concern it
#
# $number is another for each attempt.
#
# Every row is tried both ways: without a sandbox it must succeed, or the attempt proves nothing.
# shellcheck shell=sh disable=SC2034,SC2154

# SET       files: the grants below; none: the same and -network none; ports: and -connect, -bind
# EXPECTED  what `escape` says in the sandbox; a|b where kernels differ
# NOTES     -, or of these, with commas: root: only root can do it at all. maybe: not every kernel or
#           filesystem can; where it fails without a sandbox it is skipped. launch, queue: only this
#           runner. direct: without a sandbox it is not run by the runner but by this shell, with
#           descriptor 9 open. tty: the same, at a terminal.
attempts='
files EACCES - read /etc/passwd
files EACCES - read $outside/secret
files EACCES - read /proc/self/root$outside/secret
files EACCES - read /proc/self/cwd/../../../../../../../../../..$outside/secret
files EACCES - read /proc/$victim/root$outside/secret
files EACCES - read /proc/$victim/cwd/outside/secret
files EACCES - read /proc/$victim/fd/0
files EACCES - read /proc/$victim/environ
files EACCES - read /proc/$victim/maps
files EACCES - read-symlink $outside/secret $work/link
files EACCES - read-dirfd $outside secret
files EACCES - read-path-fd $outside/secret
files EPERM root,maybe read-handle $outside/secret $work
files EACCES - list $outside
files EACCES - list /
files EACCES - list /proc
files EACCES - read $other_copy
files EACCES - read $self
files EACCES - write $outside/victim
files EACCES - append $outside/victim
files EACCES - write /proc/$victim/oom_score_adj
files EACCES - truncate $outside/victim
files EACCES - open-truncate $outside/victim
files EACCES - create $outside/new
files EACCES maybe tmpfile $outside
files EACCES - unlink $outside/victim
files EACCES - rmdir $outside/folder
files EACCES - mkdir $outside/new
files EACCES - symlink $outside/new
files EACCES - mkfifo $outside/new
files EACCES - socket-file $outside/new
files EACCES root mknod-char $outside/new
files EACCES root mknod-block $outside/new
files EPERM root mknod-char $work/new
files EPERM root mknod-block $work/new
files EACCES - rename $outside/victim $outside/new
files EACCES|EXDEV - rename $outside/victim $work/new
files EACCES|EXDEV - rename $work/mine $outside/new
files EACCES|EXDEV - rename $work/mine $ro/new
files EACCES|EXDEV maybe exchange $work/mine $outside/victim
files EACCES|EXDEV - link $outside/secret $work/new
files EACCES|EXDEV - link $work/mine $outside/new
files EACCES|EXDEV - link $ro/file $work/new
files EACCES - write $ro/file
files EACCES - read-write $ro/file
files EACCES - truncate $ro/file
files EACCES - create $ro/new
files EACCES - unlink $ro/file
files EACCES - exec $outside/program nothing
files EACCES - exec-loader $loader $outside/program nothing
files EACCES - map-exec $outside/program nothing
files exited root,direct exec-setuid $ro/setuid
files EACCES root chroot-read $outside /secret
files EACCES - read /dev/zero
files EACCES - write /dev/full
files EACCES - device-ioctl $random
files EBADF direct inherited 9
files EBADF direct any-inherited
files EPERM root ptrace $victim
files EPERM - process-vm-read $victim
files EPERM maybe pidfd-getfd $victim 1
files EPERM - kill $victim 0
files EPERM - kill $victim 18
files EPERM - stop $victim
files EPERM - pidfd-signal $victim
files EPERM - prlimit $victim
files EPERM maybe prlimit32 $victim
files EPERM - connect-abstract $name.stream
files EPERM - send-abstract $name.dgram
files EPERM root mount $work/folder
files EPERM root bind-mount $outside $work/folder
files EPERM root umount $outside/mount
files EPERM root pivot-root $work
files EPERM maybe userns-mount $work/folder
files EPERM root,maybe open-tree $outside
files EPERM root,maybe fsopen
files EACCES root,maybe setns /proc/$victim/ns/uts
files EPERM root,maybe setns /proc/self/ns/uts
files EPERM root,maybe bpf
files EPERM root,maybe kernel-log
files EPERM|EACCES root,maybe perf
files EPERM root hostname
files EPERM tty,launch,maybe tiocsti
files EPERM tty,launch,maybe tiocsti-high-bits
files EACCES tty,launch open-tty
files ENOTTY tty,queue,maybe tiocsti
none EACCES - tcp
none EACCES - udp
none EACCES - udp6
none EACCES - connect $port1
none EACCES - high-bits
none EACCES root raw
none EACCES root packet
none EACCES - netlink
none EACCES maybe vsock
none EPERM maybe io-uring
none SIGSYS maybe socket32
ports EACCES - connect $port2
ports EACCES - connect6 $port2
ports EACCES - bind $port4
ports EACCES maybe connect-mptcp $port2
ports EACCES maybe bind-mptcp $port4
ports EACCES maybe fast-open $port2
ports EACCES maybe fast-open-sendmsg $port2
ports EPERM maybe io-uring
ports SIGSYS maybe socket32
'

# What must work in the sandbox all the same.
grants='
files ok - read $ro/file
files ok - list $ro
files ok - exec $ro/true
files ok - read $work/mine
files ok - write $work/mine
files ok - truncate $work/mine
files ok - create $work/new
files ok - mkdir $work/new
files ok - mkfifo $work/new
files ok - socket-file $work/new
files ok - rename $work/mine $work/folder/new
files ok - link $work/mine $work/folder/new
files ok - read-write /dev/null
files ok - memfd-script
files ok - memfd-shell
files ok - own-abstract
files ok - udp
files ok - connect $port2
files ok - bind $port4
none ok - unix
none ok - own-abstract
ports ok - connect $port1
ports ok - bind $port3
ports ok - udp
'

# options_of SET
options_of() {
	printf %s "-ro $ro -rw $work -rof $random -ro /lib -ro /usr/lib"
	case $1 in
	none) printf %s " -network none" ;;
	ports) printf %s " -connect $port1 -bind $port3" ;;
	esac
}

# serve WAY…: runs `escape WAY…` until the test ends, and puts its pid into $served.
serve() {
	"$escape" "$@" >"$tmp/served" <"$outside/secret" &
	served=$!
	servers="$servers $served"
	wait_for '[ -s "$tmp/served" ]'
	assert_eq ready "$(cat "$tmp/served")" "escape $*"
	rm "$tmp/served"
}

# Makes what the attempts are about. $outside is granted to nobody.
prepare_attempts() {
	outside=$tmp/outside ro=$tmp/ro work=$tmp/work random=/dev/urandom
	self=$out/filed-launch
	name=filed-escape-$$
	servers=
	mkdir "$outside" "$outside/mount" "$ro" "$work" "$work/folder"
	is_root=
	[ "$(id -u)" != 0 ] || is_root=yes
	cd "$tmp"
	escape=$ro/escape
	cp "$(command -v escape)" "$escape"
	cp "$(command -v escape)" "$outside/program"
	cp /bin/true "$ro/true"
	cp "$(command -v escape)" "$ro/setuid"
	chmod 4755 "$ro/setuid"
	loader=$(readelf -lW "$escape" | sed -n 's/.*interpreter: \(.*\)].*/\1/p')
	other_copy=$outside/program
	fresh
	serve serve-nothing
	victim=$served
	serve serve-abstract "$name.stream" "$name.dgram"
	ports=$("$escape" free-ports 4)
	read -r port1 port2 port3 port4 <<-end
		$ports
	end
	serve serve-tcp "$port1" "$port2"
	daemons=
	trap 'end_attempts $?; cleanup' EXIT
}

# end_attempts STATUS: ends what the attempts needed; the status stays as it was.
end_attempts() {
	set +e
	# shellcheck disable=SC2086
	kill $servers $daemons 2>/dev/null
	return "$1"
}

# Puts back what an attempt that succeeded took away.
fresh() {
	for file in "$outside/secret" "$outside/victim" "$work/mine" "$ro/file"; do
		echo "nobody needs to know" >"$file"
	done
	[ -d "$outside/folder" ] || mkdir "$outside/folder"
	[ ! "$is_root" ] || [ -e "$outside/mount/mounted" ] || {
		mount -t tmpfs none "$outside/mount"
		: >"$outside/mount/mounted"
	}
	fresh_more
}
fresh_more() { :; }

has() { # NOTE
	case ,$notes, in *,$1,*) ;; *) return 1 ;; esac
}

# attempt SET EXPECTED NOTES WAY…
attempt() {
	set_name=$1 expected=$2 notes=$3
	shift 3
	! has root || [ "$is_root" ] || return 0
	case $runner in
	launch) ! has queue || return 0 ;;
	queue) ! has launch || return 0 ;;
	esac
	number=$((number + 1))
	fresh
	if has direct || { has tty && [ "$runner" = queue ]; }; then
		free=$("$escape" in-terminal "$escape" "$@" 9<"$outside/secret")
	else
		free=$(run_free "$@")
	fi
	if [ "$free" != ok ] && has maybe; then
		echo "skipped, cannot be done here at all ($free): $*"
		skipped=$((skipped + 1))
		return
	fi
	[ "$free" = ok ] || { echo "not ok: without a sandbox, $*: $free"; wrong=$((wrong + 1)); }
	fresh
	boxed=$(run_boxed "$set_name" "$@")
	case "|$expected|" in
	*"|$boxed|"*) tried=$((tried + 1)) ;;
	*) echo "not ok: sandbox '$set_name', $*: expected $expected, got $boxed"; wrong=$((wrong + 1)) ;;
	esac
}

# rows LIST: tries each.
rows() {
	while read -r row_set row_expected row_notes row_way; do
		[ "$row_set" ] || continue
		eval "attempt $row_set '$row_expected' $row_notes $row_way" 3<&-
	done <<-end
		$1
	end
}

attempt_all() {
	tried=0 wrong=0 skipped=0 number=0
	rows "$grants"
	echo "$tried things that are granted work"
	tried=0
	rows "$attempts"
	echo "$tried attempts failed as they should, $wrong did not, $skipped cannot be made here"
	[ "$wrong" = 0 ] || fail "the sandbox does not hold"
	[ "$tried" -ge 40 ] || fail "only $tried attempts were made"
}
