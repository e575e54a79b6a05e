# What a job costs, counted: system calls of each process, requests of the kernel, syncs, and instructions. Each count
# has a bound. A commit that raises one says why. What the store does for a job is counted in tests/unit/cost_test.cc.
#
# Counts depend a little on what falls into one turn, so each bound leaves room for a tenth or two. Instructions depend
# on the compiler and on SQLite. So they are compared with those that the same SQLite takes for three plain commits.
# limit: 600
. "${0%/*}/../lib/test.sh"
needs strace valgrind python3
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
# Not through the mount, because its requests are counted.
wait_for '[ "$(grep -c "took .* complete" "$log")" = $jobs ]' 120
end_traces
bounded "requests a run" "$(requests "$tmp/filed")" 10.6
bounded "syncs a run" "$(syncs "$tmp/filed")" 1.1
bounded "system calls a run, filed" "$(calls "$tmp/filed")" 75
# Five of them for the pipe by which a child tells of its exec. 18 if each start and each end falls into a turn
# of its own, and one or two more for a start that takes longer than 20 ms, as on a busy machine.
bounded "system calls a run, launcher" "$(calls "$tmp/launcher")" 20
bounded "system calls a run, notifier" "$(calls "$tmp/notifier")" 4.2

cat >"$tmp/plain.py" <<'END'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("CREATE TABLE jobs (ino INTEGER PRIMARY KEY, dir INTEGER, id TEXT UNIQUE, due INTEGER, text BLOB)")
db.execute("CREATE INDEX by_due ON jobs (dir, due)")
for n in range(1000):
    db.execute("BEGIN")
    db.execute("INSERT INTO jobs VALUES (?, 0, ?, ?, ?)", (n, f"job-{n}", n, b"true"))
    db.execute("COMMIT")
    for dir in (1, 3):
        db.execute("BEGIN")
        db.execute("UPDATE jobs SET dir = ?, due = due + 1 WHERE ino = ?", (dir, n))
        db.execute("COMMIT")
END
# instructions FUNCTION COMMAND…: how many the command takes within the function.
instructions() {
	function=$1
	shift
	valgrind --tool=callgrind --callgrind-out-file="$tmp/callgrind" --toggle-collect="$function" "$@" \
		>"$tmp/valgrind" 2>&1 || fail "$(cat "$tmp/valgrind")" >&2
	sed -n 's/.*Collected : //p' "$tmp/valgrind"
}
python=$(python3 -c 'import sys; print(sys.executable)') # itself, where python3 is a wrapper
plain=$(instructions sqlite3_step "$python" -S "$tmp/plain.py" "$tmp/plain.db")
assert "the plain commits are counted: $plain" [ "$plain" -gt 10000000 ]
of_jobs=$(instructions submit_and_run "$out/unit" '[.instructions]')
echo "instructions of queue and store: $((of_jobs / 1000)) a job; plain commits: $((plain / 1000))"
jobs=$plain
bounded "the same, in plain commits" "$of_jobs" 3.0

[ ! "$failed" ] || fail "more than it was:${failed%,}"
