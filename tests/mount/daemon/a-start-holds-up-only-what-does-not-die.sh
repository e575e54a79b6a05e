# What does not die holds up only its own job at the next start, also at the one after that, and also if the job was
# removed or moved before. status and log name it. The job runs when it is dead.
# limit: 300
if [ ! "${1-}" ]; then
	[ "$(id -u)" = 0 ] || exit 77 # to trace any process
	for way in cgroup marks; do
		echo "--- $way"
		unshare -m sh "$0" "$way" || exit
	done
	exit
fi
. "${0%/*}/../../lib/test.sh"
. "${0%/*}/../../lib/hidden.sh"
. "${0%/*}/../../lib/hold.sh"
if [ "$1" = marks ]; then
	# No cgroups can be made where they are read-only.
	awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | while read -r dir; do mount -o remount,bind,ro "$dir"; done
fi
config workers=3 retries=0 kill_grace=100ms stop_grace=100ms
start_filed
[ "$(counter containment)" = "$1" ] || skip "$1 cannot be had here"
mkdir "$tmp/run"

job="echo \$\$ >>$tmp/run/\$FILED_ID; [ -e $tmp/go ] || exec sleep 1000"
held='active gone moved'
for id in $held; do
	submit "$id" "$job"
	wait_for '[ -s "$tmp/run/'"$id"'" ]'
done
pids() { cat "$tmp/run/active" "$tmp/run/gone" "$tmp/run/moved"; }
# shellcheck disable=SC2046
hold $(pids)
rm "$q/active/gone"
mv "$q/active/moved" "$q/pending/.moved"
mv "$q/pending/.moved" "$q/pending/to"
submit gone "$job"

# Three attempts do not die, and hold nothing up but their own jobs.
are_held() {
	assert_eq 3 "$(counter undying)" "undying"
	pids | sort >"$tmp/expected"
	counter does_not_die | sed 's/,t$//' | sort | cmp - "$tmp/expected" || fail "status names $(counter does_not_die)"
	submit "other$1" "echo other"
	wait_in complete "other$1"
	for id in active gone to; do assert_eq pending "$(where "$id")" "$id, which waits"; done
}
: >"$log"
kill_both
start_filed
are_held 1
for id in $held; do
	line="job $id: attempt 1 of owner 0 does not die: PID $(cat "$tmp/run/$id"), state t"
	assert "the log tells: $line" grep -q "$line" "$log"
done
kill_both
start_filed
are_held 2
restart_filed
are_held 3

: >"$tmp/go"
release
for id in active gone to; do wait_in complete "$id"; done
assert_eq 0 "$(counter undying)" "undying at the end"
assert_eq 2 "$(wc -l <"$tmp/run/active")" "attempts"

# The next start has nothing left to do.
: >"$log"
restart_filed
if grep -q -E "that a crash had left|does not die" "$log"; then fail "something is left"; fi
