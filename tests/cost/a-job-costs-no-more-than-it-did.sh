# What a job costs, counted: system calls of each process, requests of the kernel, syncs, and
# instructions. Each count has a bound; who must raise one says why. What the store does for a job is
# counted in tests/unit/cost_test.cc.
#
# Instructions are exact for one compiler and one SQLite. The others depend a little on what happens to fall into one turn, so that
# their bounds have room for a tenth or two.
# limit: 180
. "${0%/*}/../lib/test.sh"
needs strace valgrind
case $out in *asan* | *tsan* | *debug* | *static*) skip "counts are kept for the plain build" ;; esac
jobs=200
failed=

# bounded NAME COUNT BOUND: COUNT is that of all jobs.
bounded() {
	each=$(awk -v count="$2" -v jobs="$jobs" 'BEGIN { printf "%.2f", count / jobs }')
	verdict=$(awk -v each="$each" -v bound="$3" 'BEGIN { print (each <= bound) ? "" : "TOO MUCH" }')
	printf '%-36s %10s  bound %8s  %s\n' "$1" "$each" "$3" "$verdict"
	[ ! "$verdict" ] || failed="$failed $1,"
}

# traced PID FILE: from now on its system calls go there.
traced() {
	strace -y -s 0 -o "$2" -p "$1" 2>/dev/null &
	tracers="$tracers $!"
	wait_for "grep -q 'TracerPid:.*[1-9]' /proc/$1/status"
}
tracers=
end_traces() {
	# shellcheck disable=SC2086
	kill $tracers
	# shellcheck disable=SC2086
	wait $tracers 2>/dev/null || true
	tracers=
}
calls() { grep -c '^[a-z].* = ' "$1"; }
requests() { grep -c '^read([0-9]*</dev/fuse>.* = [1-9]' "$1"; }
syncs() { grep -c -E '^(fdatasync|fsync)\(' "$1" || true; }

config workers=0
start_filed
# shellcheck disable=SC2046
set -- $(cat "/proc/$filed_pid/task/$filed_pid/children")
launcher=$1 notifier=$2

traced "$filed_pid" "$tmp/submission"
i=0
while [ $i -lt $jobs ]; do
	printf ':' | call put "$q/pending/$i"
	i=$((i + 1))
done
end_traces
bounded "requests a submission" "$(requests "$tmp/submission")" 6.1
bounded "syncs a submission" "$(syncs "$tmp/submission")" 1.1
bounded "system calls a submission" "$(calls "$tmp/submission")" 35

traced "$filed_pid" "$tmp/filed"
traced "$launcher" "$tmp/launcher"
traced "$notifier" "$tmp/notifier"
echo 'workers = 2' >"$q/config.ini"
# Not through the mount, whose requests are counted.
wait_for '[ "$(grep -c "took .* complete" "$log")" = $jobs ]' 120
end_traces
bounded "requests a run" "$(requests "$tmp/filed")" 10.6
bounded "syncs a run" "$(syncs "$tmp/filed")" 1.1
bounded "system calls a run, filed" "$(calls "$tmp/filed")" 75
# Five of them for the pipe by which a child tells of its exec.
bounded "system calls a run, launcher" "$(calls "$tmp/launcher")" 18
bounded "system calls a run, notifier" "$(calls "$tmp/notifier")" 4.2

valgrind --tool=callgrind --callgrind-out-file="$tmp/callgrind" --toggle-collect=submit_and_run \
	"$out/unit" '[.instructions]' >"$tmp/valgrind" 2>&1 || fail "$(cat "$tmp/valgrind")"
jobs=1000
bounded "instructions of queue and store" "$(sed -n 's/.*Collected : //p' "$tmp/valgrind")" 300000

[ ! "$failed" ] || fail "more than it was:${failed%,}"
