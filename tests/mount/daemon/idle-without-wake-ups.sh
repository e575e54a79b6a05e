# A daemon with nothing to do does nothing: no system call of any of its processes in ten seconds; and
# they hold less than 8 MiB together.
# alone
# filed looks up when anything is mounted; what others mount meanwhile is kept out.
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
sleep 2 # whatever is put off for a second has been done
pids=$(tree "$filed_pid")
set --
for pid in $pids; do set -- "$@" -p "$pid"; done
timeout 12 strace -f -ttt -o "$tmp/calls" "$@" 2>"$tmp/said" || :
grep -q attached "$tmp/said" || skip "strace may not attach here: $(cat "$tmp/said")"
# The attachment itself interrupts a wait; what counts is what comes a second later.
begin=$(awk 'NR == 1 { print $2 }' "$tmp/calls")
if [ "$begin" ]; then
	awk -v begin="$begin" '$2 > begin + 1 && !/<detached|<unfinished|resumed|\+\+\+|SIGTERM/' "$tmp/calls" >"$tmp/late"
	[ ! -s "$tmp/late" ] || fail "system calls while idle: $(head -n 5 "$tmp/late")"
fi

# The sum of what is theirs alone and their share of what they share.
[ "$slow" = 1 ] || exit 0
total=0
for pid in $pids; do
	pss=$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup") || skip "no smaps_rollup"
	rss=$(awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status")
	echo "process $pid: resident $rss KiB, of which its share is $pss KiB"
	total=$((total + pss))
done
assert "less than 8 MiB: $total KiB" [ "$total" -lt 8192 ]
