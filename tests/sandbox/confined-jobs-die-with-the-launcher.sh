# A job in a sandbox is killed like any other: by rm, by its timeout, and when the launcher dies.
. "${0%/*}/../lib/test.sh"

# The argument of sleep tells the jobs of this test from others.
removed=7$$ orphan=8$$

config timeout=1s kill_grace=1s retries=0
start_filed -ro /bin -ro /usr -ro /lib -network none
launcher=$(cat "/proc/$filed_pid/task/$filed_pid/children")
launcher=${launcher%% *}

submit slow 'trap "" TERM; sleep 1000; sleep 1000'
wait_in active slow
wait_in failed slow
grep -q 'timed out' "$q/failed/slow"

rm "$q/failed/slow"
echo 'timeout = 0' >"$q/config.ini"
submit removed "sleep $removed"
wait_in active removed
wait_for 'pgrep -x -f "sleep $removed" >/dev/null'
rm "$q/active/removed"
wait_for '! pgrep -x -f "sleep $removed" >/dev/null'

submit orphan "sleep $orphan"
wait_for 'pgrep -x -f "sleep $orphan" >/dev/null'
kill -KILL "$launcher"
wait_for '! pgrep -x -f "sleep $orphan" >/dev/null'
reap
assert_eq 1 "$ended" "filed's status"
