# Every shell test sources this file first:
#
#	. "${0%/*}/../lib/test.sh"
#
# It sets -eu, makes a directory for the test, $tmp, and puts the built programs and helpers first on PATH.
# A test passes if it ends with status 0. At its end everything that it started is killed, and everything
# that it mounted is unmounted. Comments in the first 12 lines of a test are for tests/run:
# `# alone`: no other test runs at the same time. `# limit: N`: its time limit in seconds, if not 180.
# shellcheck shell=sh

set -eu
export LC_ALL=C
unset FILED_STATE_FILE XDG_DATA_HOME XDG_CONFIG_HOME

top=$(cd "${0%/*}" && until [ -e tests/lib/test.sh ] || [ "$PWD" = / ]; do cd ..; done && pwd)
out=${out:-build/release}
case $out in /*) ;; *) out=$top/$out ;; esac
PATH=$out:$out/tests:$PATH:/usr/sbin:/sbin

# Everything takes longer under a sanitizer.
slow=1
case $out in *asan* | *tsan*) slow=4 ;; esac

tmp=$(mktemp -d "${TEST_TMP:-${TMPDIR:-/tmp}}/filed-test.XXXXXX")
chmod 755 "$tmp"
q=$tmp/q             # the mounted queue
state=$tmp/filed.db  # its state file
log=$tmp/log         # what filed printed
conf=                # its configuration, once `config` wrote one
filed_pid=
filed_options=
mkdir "$q"
: >"$log"

# --- how a test ends -------------------------------------------------------------------------------

# fail TEXT…: ends the test; the daemon's last lines are shown.
fail() {
	echo "FAIL: $*"
	if [ -s "$log" ]; then
		echo "--- the daemon's log:"
		tail -n 30 "$log"
	fi
	exit 1
}

# skip TEXT…: ends the test, which cannot run here.
skip() {
	echo "SKIP: $*"
	exit 77
}

# needs root | fuse | COMMAND…: skips the test where something is missing.
needs() {
	for need in "$@"; do
		case $need in
		root) [ "$(id -u)" = 0 ] || skip "only root can do this" ;;
		fuse)
			[ "${fuse-}" != no ] || skip "this run is to do without /dev/fuse"
			[ -w /dev/fuse ] || skip "/dev/fuse is missing or closed to us"
			;;
		*) command -v "$need" >/dev/null || skip "$need is not here" ;;
		esac
	done
}

# tree PID: that process and all its descendants, one a line, as far as they are alive.
tree() {
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v root="$1" '
		{ pid = $1; sub(/.*\) /, ""); parent[pid] = $2; zombie[pid] = $1 == "Z" }
		END {
			for (pid in parent) {
				for (p = pid; p != root && p in parent; p = parent[p]) ;
				if (p == root && pid in zombie && !zombie[pid]) print pid
			}
		}'
}

mounts_below() {
	awk -v dir="$1/" 'index($2, dir) == 1 { print $2 }' /proc/self/mounts
}

# Removes the groups of daemons that were killed together with their launchers. They are empty by now.
remove_cgroups() {
	groups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
	[ "$groups" ] || return 0
	sed -n 's/^filed: each attempt has a cgroup, below //p' "$log" | while read -r place; do
		rmdir "$groups$place"/* "$groups$place"
	done 2>/dev/null
}

cleanup() {
	status=$?
	trap - EXIT
	trap '' INT TERM HUP
	set +e
	if [ "$filed_pid" ]; then
		doomed=$(tree "$filed_pid")
		if [ "$status" = 0 ]; then
			# A passing test's daemon must end well, too: this is where leaks are found. What still
			# runs in it is not waited for.
			kill -TERM "$filed_pid" && timeout 5 sh -c "rm -f '$q'/active/*" 2>/dev/null
			(wait_gone "$filed_pid" 20) || status=1
		fi
		# shellcheck disable=SC2086
		kill -KILL $doomed 2>/dev/null
		wait "$filed_pid"
		ended=$?
		if [ "$status" = 0 ] && [ "$ended" != 0 ]; then
			(fail "filed ended with status $ended when the test was over")
			status=1
		fi
	fi
	remove_cgroups
	mounts_below "$tmp" | while read -r dir; do
		umount -l "$dir" 2>/dev/null || fusermount3 -u -q -z "$dir"
	done
	if grep -a -E 'ERROR: [A-Za-z]*Sanitizer|runtime error:' "$log"; then
		[ "$status" = 0 ] && (fail "a sanitizer complained")
		status=1
	fi
	chmod -R u+rwX "$tmp" 2>/dev/null
	rm -rf "$tmp"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 143' INT TERM HUP

# --- the daemon ------------------------------------------------------------------------------------

# config WORD…: writes $conf, which start_filed uses from then on. A word is [SECTION] or KEY=VALUE;
# the section is queue until one is named: config workers=1 retries=0 '[env]' COLOUR=red
config() {
	conf=$tmp/filed.conf
	echo "[queue]" >"$conf"
	for word in "$@"; do
		case $word in
		\[*) echo "$word" ;;
		*) echo "${word%%=*} = ${word#*=}" ;;
		esac >>"$conf"
	done
}

# start_filed [OPTION…]: mounts the queue at $q, and returns when it serves. The options have no spaces.
start_filed() {
	needs fuse
	filed_options=$*
	# shellcheck disable=SC2086
	filed ${conf:+-c "$conf"} -state "$state" "$@" "$q" 2>>"$log" &
	filed_pid=$!
	wait_for '[ -e "$q/status" ] || ! running "$filed_pid"' 20
	running "$filed_pid" || fail "filed did not start"
}

# restart_filed: stops it and starts it again as it was.
restart_filed() {
	stop_filed
	# shellcheck disable=SC2086
	start_filed $filed_options
}

# stop_filed [SIGNAL]: TERM if none is given. It must end by itself with status 0, and unmount.
stop_filed() {
	kill -"${1:-TERM}" "$filed_pid"
	wait_gone "$filed_pid" 30
	reap
	[ "$ended" = 0 ] || fail "filed ended with status $ended"
	! mountpoint -q "$q" || fail "filed ended and left its mount"
}

# kill9: kills the daemon's main process, as a crash would, and waits until its mount is gone or dead.
kill9() {
	kill -KILL "$filed_pid"
	reap
	wait_for '[ ! -e "$q/status" ]' 20
}

# reap: takes the status of the daemon, which has ended or is about to, into $ended.
reap() {
	ended=0
	wait "$filed_pid" 2>/dev/null || ended=$?
	filed_pid=
}

# make_filed_users: the users and groups that the package makes, in an /etc that is a copy.
make_filed_users() {
	id=60998
	for user in filed filed-serve; do
		grep -q "^$user:" /etc/passwd || echo "$user:x:$id:$id::/var/lib/filed:/sbin/nologin" >>/etc/passwd
		grep -q "^$user:" /etc/group || echo "$user:x:$id:" >>/etc/group
		id=$((id + 1))
	done
}

# running PID: it is there, and no zombie.
running() {
	case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
	"" | [ZX]*) return 1 ;;
	esac
}

# process NAME: the process id of the daemon's child of that name: filed-launcher or filed-notifier.
process() {
	# shellcheck disable=SC2013
	for child in $(cat "/proc/$filed_pid/task/$filed_pid/children"); do
		[ "$(cat "/proc/$child/comm")" != "$1" ] || echo "$child"
	done
}

wait_gone() { # PID [SECONDS]
	gone_pid=$1
	wait_for '! running "$gone_pid"' "${2-}"
}

# wait_for_watches PID COUNT: until that inotifywait watches COUNT directories. It says so only by a word for humans.
wait_for_watches() {
	watcher_pid=$1 watches=$2
	wait_for '[ "$(cat "/proc/$watcher_pid/fdinfo"/* 2>/dev/null | grep -c "^inotify wd")" = "$watches" ]' 20
}

# --- jobs ------------------------------------------------------------------------------------------

# submit ID TEXT
submit() {
	printf %s "$2" >"$q/pending/$1"
}

# submit_to_each [TEXT]: a job c that is complete, f that has failed, and a that is active and runs TEXT, or for
# long. It takes workers=1 and retries=0.
submit_to_each() {
	submit c "echo c"
	submit f "exit 1"
	wait_in complete c
	wait_in failed f
	submit a "${1:-sleep 1000}"
	wait_in active a
}

# wait_in DIR ID [SECONDS]: until the job is in that directory.
wait_in() {
	wait_dir=$1 wait_id=$2
	wait_for '[ -e "$q/$wait_dir/$wait_id" ]' "${3-}"
}

# where ID: the directory that the job is in; nothing if there is none.
where() {
	for dir in pending active failed complete; do
		if [ -e "$q/$dir/$1" ]; then echo "$dir"; fi
	done
}

# counter KEY: its value in the status file.
counter() {
	sed -n "s/^$1 //p" "$q/status"
}

# --- checks ----------------------------------------------------------------------------------------

# wait_for CONDITION [SECONDS]: evaluates the shell command until it is true. SECONDS (10) are a generous bound on a
# quiet machine. The test fails after $patience (4) times as many, because other tests may be in the way.
wait_for() {
	wait_s=$((${2:-10} * slow * ${patience:-4}))
	wait_end=$(($(now) + wait_s * 1000))
	until eval "$1"; do
		if [ "$(now)" -gt "$wait_end" ]; then
			fail "waited $wait_s s in vain for: $1${wait_id:+ (\$wait_dir is $wait_dir, \$wait_id is $wait_id,
				now in: $(where "$wait_id"))}"
		fi
		sleep 0.05
	done
	wait_id=
}
wait_id=

# now: milliseconds of a clock that is never set.
now() {
	read -r uptime _ </proc/uptime
	echo "${uptime%.*}${uptime#*.}0"
}

# assert_eq EXPECTED ACTUAL [WHAT]
assert_eq() {
	[ "$1" = "$2" ] || fail "${3:-value}: expected '$1', got '$2'"
}

# assert WHAT: the command after it is true.  assert 'job runs' [ -e "$q/active/1" ]
assert() {
	assert_what=$1
	shift
	"$@" || fail "not so: $assert_what"
}

# assert_file FILE FORMAT [ARGUMENT…]: its bytes are exactly those that printf makes of the rest.
assert_file() {
	assert_name=$1
	shift
	# shellcheck disable=SC2059
	printf "$@" >"$tmp/expected"
	cat "$assert_name" >"$tmp/actual" || fail "cannot read $assert_name"
	if ! cmp -s "$tmp/expected" "$tmp/actual"; then
		echo "--- expected:"
		head -c 2000 "$tmp/expected" | cat -A
		echo "--- got:"
		head -c 2000 "$tmp/actual" | cat -A
		fail "$assert_name reads otherwise"
	fi
}

# assert_fails ERRNO COMMAND…: the command fails and says why in the words for that errno, of glibc or
# musl. For a redirection: assert_fails EACCES sh -c 'echo x >"$1"' - "$q/active/1"
assert_fails() {
	case $1 in
	EACCES) words='Permission denied' ;;
	EBUSY) words='(Device or r|R)esource busy' ;;
	EDQUOT) words='(Disk q|Q)uota exceeded' ;;
	EEXIST) words='File exists' ;;
	EFBIG) words='File too large' ;;
	EINVAL) words='Invalid argument' ;;
	EISDIR) words='Is a directory' ;;
	ENAMETOOLONG) words='File ?name too long' ;;
	ENODATA) words='No (data available|such attribute)' ;;
	ENOENT) words='No such file or directory|nonexistent' ;;
	ENOSPC) words='No space left on device' ;;
	ENOTDIR) words='Not a directory' ;;
	ENOTEMPTY) words='Directory not empty' ;;
	ENOTSUP) words='Operation not supported|Not supported' ;;
	EPERM) words='Operation not permitted' ;;
	EXDEV) words='[Ii]nvalid cross-device link|Cross-device link' ;;
	*) fail "assert_fails does not know $1" ;;
	esac
	assert_errno=$1
	shift
	if "$@" >"$tmp/said" 2>&1; then
		fail "succeeded, but should have failed with $assert_errno: $*"
	fi
	grep -q -E "$words" "$tmp/said" ||
		fail "expected $assert_errno, but it said '$(cat "$tmp/said")': $*"
}
