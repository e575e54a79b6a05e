# limit: 300
# What filed was started with neither kills it nor reaches jobs, but for what the admin of a service may choose: its
# share of the machine, and its resource limits.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"

mkdir "$tmp/tools" "$tmp/cwd"
cp "$(command -v inherit)" "$tmp/tools"
inherit=$tmp/tools/inherit
daemon=$(command -v filed)
how=
who=
# Also for start_filed.
filed() {
	cd "$tmp/cwd"
	exec ${who:+as_user "$who"} "$inherit" "$how" "$daemon" "$@"
}

reset='signals
timers none
umask 022
personality 0
timer_slack 50000
securebits 0
cpu 1 -1
file_size 2000 -1
stack 524288 16777216
files 200 400
core 11 12
descriptors
environment (null)
session own
capabilities 0
death_signal 9
subreaper 0
dumpable 1'
score=$(cat /proc/self/oom_score_adj)
reset="$reset
oom_score_adj $score"
# As set directly, but for what is said above.
kept=$("$inherit" keep "$inherit" show | sed -n '/^oom_score_adj/,$p')
for row in 'oom_score_adj 300' 'nice 5' 'scheduler 3' 'ioprio 16390' 'affinity 1' 'thp 1' 'coredump_filter 00000011'; do
	echo "$kept" | grep -q "^$row$" || skip "cannot be set here: $row"
done

# The table of the source has no row that is not tried here, or below.
names=$(printf '%s\n%s\n' "$reset" "$kept" | sed 's/ .*//' | grep -v -x 'cpu\|file_size\|stack\|files\|core' | sort -u)
assert_eq "$(printf '%s\n' "$names" keyring limits directory cgroup namespaces | sort | xargs)" \
	"$(sed -n 's/^    {"\([a-z_]*\)", .*/\1/p' "$top/src/base/inherited.cc" | sort | xargs)" "rows"

# tried HOW LINES RANGE: a job of $alice, and one of root, show these lines in that range of what they print.
tried() {
	for id in 1 2; do
		# The alarm would have come by now.
		text="sleep 1.2; pwd; readlink /proc/self/ns/mnt /proc/self/ns/pid; exec $inherit show"
		owner=$alice
		[ "$id" = 1 ] || owner=0:0
		by "$owner" "$id" "$text" 644
		wait_for '[ "$(where $id)" = complete ] || [ "$(where $id)" = failed ]'
		assert_eq "$2" "$(sed '1,4d' "$q/$(where $id)/$id" | sed -n "$3")" "what job $id shows with $1"
		assert_eq "$(readlink /proc/self/ns/mnt /proc/self/ns/pid | xargs)" \
			"$(sed -n 3,4p "$q/complete/$id" | xargs)" "namespaces"
		assert "not in the directory where filed was started" [ "$(sed -n 2p "$q/complete/$id")" != "$tmp/cwd" ]
		rm "$q/complete/$id"
	done
}

# unharmed: the limits that could kill are not those of filed's own processes.
unharmed() {
	for pid in "$filed_pid" "$(process filed-launcher)" "$(process filed-notifier)"; do
		assert_eq 'unlimited unlimited' \
			"$(awk '/^Max (cpu time|file size)/ { print $4 }' "/proc/$pid/limits" | xargs)" "limits of $pid"
		assert "process $pid has room for its stack" \
			[ "$(awk '/^Max stack/ { print $4 }' "/proc/$pid/limits")" -ge 8388608 ]
		ignored=$(awk '/^SigIgn/ { print "0x" $2 }' "/proc/$pid/status")
		assert_eq 0 $((ignored >> 16 & 1)) "SIGCHLD of $pid, ignored"
	done
}

set_up() { # WORD...
	config workers=2 retries=0 '[mount]' mode=1777 "$@"
	mount -t tmpfs -o mode=777 none "$tmp/cwd"
	start_filed
	umount "$tmp/cwd" || fail "filed keeps the directory busy where it was started"
}

for user in '' "$carol"; do
	how="set"
	# shellcheck disable=SC2086
	set_up ${user:+[daemon] user=$user}
	tried set "$reset" '1,/^oom_score_adj/p'
	unharmed
	stop_filed
	how=keep
	# shellcheck disable=SC2086
	set_up ${user:+[daemon] user=$user}
	tried keep "$kept" '/^oom_score_adj/,$p'
	stop_filed
done

command -v fusermount3 >/dev/null || exit 0
as_user "$bob" test -w /dev/fuse || exit 0
# It makes its state file itself.
how="set" who=$bob state=$tmp/home/$bob/filed.db
chown "$bob" "$q"
mount -t tmpfs -o mode=777 none "$tmp/cwd"
filed -state "$state" "$q" 2>>"$log" &
filed_pid=$!
wait_for 'as_user "$bob" test -e "$q/status" || ! running "$filed_pid"'
umount "$tmp/cwd" || fail "filed keeps the directory busy where it was started"
as_user "$bob" sh -c 'umask 022; echo "sleep 1.2; exec $2 show" >"$1"' - "$q/pending/1" "$inherit"
wait_for 'as_user "$bob" test -e "$q/complete/1"'
assert_eq "$(echo "$reset" | grep -v '^capabilities')" \
	"$(as_user "$bob" sed 1d "$q/complete/1" | sed '/^oom_score_adj/q' | grep -v '^capabilities')" \
	"what an ordinary user's job shows"
unharmed
stop_filed
