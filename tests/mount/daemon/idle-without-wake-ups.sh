# A daemon with nothing to do does nothing: none of its processes makes a system call in ten seconds. They hold less
# than 8 MiB together.
# limit: 300
# alone
# filed looks up when anything is mounted. So the test runs in a mount namespace of its own if it may make one.
if [ "$(id -u)" = 0 ] && [ ! "${own_mounts-}" ] && unshare -m true 2>/dev/null; then
	shell=$(readlink "/proc/$$/exe")
	case $shell in *busybox*) shell="$shell sh" ;; esac
	# shellcheck disable=SC2086
	own_mounts=yes exec unshare -m --propagation private $shell "$0"
fi
. "${0%/*}/../../lib/test.sh"
needs strace
config workers=2 retries=0
start_filed

submit good "echo good"
submit bad false
wait_in complete good
wait_in failed bad
touch -d '2035-01-01 00:00:00' "$q/complete/good"
mv "$q/complete/good" "$q/pending/later"
pids=$(tree "$filed_pid")
set --
for pid in $pids; do set -- "$@" -p "$pid"; done

# quiet: traces for 15 s, and leaves in $tmp/late what was called after the first 4 s. To attach interrupts a wait,
# and that is a call. Status 0 if there was none.
quiet() {
	timeout 15 strace -f -y -ttt -o "$tmp/calls" "$@" 2>"$tmp/said" || :
	grep -q attached "$tmp/said" || skip "strace may not attach here: $(cat "$tmp/said")"
	awk 'NR == 1 { begin = $2 } $2 > begin + 4 && !/<detached|<unfinished|resumed|\+\+\+|SIGTERM/' \
		"$tmp/calls" >"$tmp/late"
	[ ! -s "$tmp/late" ]
}
# What filed puts off for a second or two, on a slow machine later, is done in the first tries. A daemon that
# wakes up by itself is never quiet. Nothing is known if others mount all the time and filed sees it.
for _ in 1 2 3 4 5; do
	if quiet "$@"; then break; fi
done
if [ -s "$tmp/late" ]; then
	! grep -q /mountinfo "$tmp/late" || skip "others mount and unmount here all the time"
	fail "system calls while idle: $(head -n 5 "$tmp/late")"
fi

# The sum of the memory that a process has alone and of its share of what several have.
[ "$slow" = 1 ] || exit 0
total=0
for pid in $pids; do
	pss=$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup") || skip "no smaps_rollup"
	rss=$(awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status")
	echo "process $pid: resident $rss KiB, of which its share is $pss KiB"
	total=$((total + pss))
done
assert "less than 8 MiB: $total KiB" [ "$total" -lt 8192 ]
