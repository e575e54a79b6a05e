# alone
# What the three processes may do, in the three ways of running filed: ids and capabilities as filed(5) has them.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"

none=0000000000000000
# set BIT…: a set of capabilities, by the numbers of capabilities(7).
set_of() {
	sum=0
	for bit in "$@"; do sum=$((sum | 1 << bit)); done
	printf %016x $((sum & 0x$all))
}
# In a container some are missing from the start.
all=$(awk '/^CapBnd/ { print $2 }' /proc/self/status)
four() { echo "$1 $1 $1 $1 / $2 $2 $2 $2"; }
groups_of() { awk '/^Groups:/ { $1 = ""; print }' "/proc/$1/status" | xargs -n 1 | sort -n | xargs; }

# CAP_DAC_OVERRIDE 1, CAP_DAC_READ_SEARCH 2, CAP_FOWNER 3, CAP_KILL 5, CAP_SETGID 6, CAP_SETUID 7, CAP_SETPCAP 8,
# CAP_SYS_PTRACE 19, CAP_SYS_ADMIN 21, CAP_SYS_NICE 23, CAP_SYS_RESOURCE 24
notifier=$(set_of 1 3 21)

# --- root, without `user`
config workers=1 retries=0 '[mount]' mode=1777
start_filed
serving=$(id -u filed-serve 2>/dev/null || echo 65529)
group=$(id -g filed-serve 2>/dev/null || echo 65529)
assert_eq "$(four "$serving" "$group")" "$(ids "$filed_pid")" "who serves, in owner mode"
assert_eq '' "$(groups_of "$filed_pid")" "its groups"
kill=$(set_of 5)
assert_eq "$kill $kill $none" "$(capabilities "$filed_pid")" "its capabilities"
launcher=$(process filed-launcher)
assert_eq "$(four 0 0)" "$(ids "$launcher")" "the launcher"
assert_eq "$all $(set_of 2 5 6 7 8 19 21 23 24) $all" "$(capabilities "$launcher")" "its capabilities"
assert_eq "$(four 0 0)" "$(ids "$(process filed-notifier)")" "the notifier"
assert_eq "$notifier $notifier $none" "$(capabilities "$(process filed-notifier)")" "its capabilities"
# Operations that need rights still work.
assert 'df knows the disk' [ "$(df -P -k "$q" | awk 'NR == 2 { print $2 }')" -gt 0 ]
echo 'retries = 1' >"$q/config.ini"
kill -HUP "$filed_pid"
wait_for 'grep -q "configuration read again" "$log"'
if command -v inotifywait >/dev/null; then
	inotifywait -q -t 60 -e moved_to "$q/complete" >"$tmp/event" 2>&1 &
	watcher=$!
	chmod 1700 "$q/pending" "$q/active" "$q/complete"
	wait_for_watches "$watcher" 1
	echo true >"$q/pending/told"
	wait "$watcher" || fail 'no event from directories that only root may write'
fi
# When it dies, no job and no mount is left, no matter which user owns the job.
as_user "$alice" sh -c 'true'
chmod 1777 "$q/pending"
by "$alice" orphan "setsid sleep 98765 & sleep 98765"
wait_in active orphan
wait_for 'pgrep -u "$alice" -f "^sleep 98765" >/dev/null'
kill -KILL "$launcher"
reap
assert_eq 1 "$ended" "status of filed after a kill of its launcher"
wait_for '! pgrep -u "$alice" >/dev/null'
assert 'the mount is gone' [ ! -e "$q/status" ]

# --- root, with `user`
rm -f "$state" "$state"-*
mkdir -m 700 "$tmp/state"
chown "$alice" "$tmp/state"
state=$tmp/state/filed.db
config workers=1 retries=0 '[mount]' mode=0777 '[daemon]' "user=$alice" \
	'[hooks]' "on_complete=id >$tmp/home/$alice/hook"
start_filed
assert_eq "$(four "$serving" "$group")" "$(ids "$filed_pid")" "the serving process, with a user for jobs"
assert_eq '' "$(groups_of "$filed_pid")" "its groups"
assert_eq "$kill $kill $none" "$(capabilities "$filed_pid")" "its capabilities"
launcher=$(process filed-launcher)
held=$(set_of 2 5 6 7 19 21 23 24)
assert_eq "$(four 0 0)" "$(ids "$launcher")" "the launcher"
permitted=$held
[ "$(counter containment)" != cgroup ] || permitted=$(set_of 1 2 5 6 7 19 21 23 24)
assert_eq "$permitted $held $none" "$(capabilities "$launcher")" "its capabilities"
assert_eq "$(four 0 0)" "$(ids "$(process filed-notifier)")" "the notifier"
assert_eq "$notifier $notifier $none" "$(capabilities "$(process filed-notifier)")" "its capabilities"
# All jobs are that user's, and without any right of the launcher's.
by "$bob" job 'id -un; id -gn; id -G; grep -E "^Cap(Prm|Bnd|Amb)" /proc/self/status | cut -f 2 | xargs' 644
wait_in complete job
assert_eq "$alice $team $(id -G "$alice") $none $none $none" "$(sed 1d "$q/complete/job" | xargs)" "bob's job"
wait_for '[ -s "$tmp/home/$alice/hook" ]'
assert_eq "$(as_user "$alice" id)" "$(cat "$tmp/home/$alice/hook")" "the hook"
assert_eq "$alice:$team 644" "$(stat -c '%U:%G %a' "$q/config.ini")" "config.ini"
assert_eq "$alice:$team 444 $alice:$team 444" "$(stat -c '%U:%G %a' "$q/new-id" "$q/status" | xargs)" "the others"
as_user "$alice" sh -c 'echo "workers = 2" >"$1"' - "$q/config.ini"
assert_fails EACCES as_user "$bob" sh -c 'echo "workers = 3" >"$1"' - "$q/config.ini"
kill -KILL "$launcher"
reap
assert_eq 1 "$ended" "status of filed after a kill of its launcher"
assert 'the mount is gone' [ ! -e "$q/status" ]

# A user who may not read the configuration again is told so at the start.
chmod 600 "$conf"
: >"$log"
start_filed
wait_for 'grep -q "may not read it" "$log"'
stop_filed

# --- anyone else
command -v fusermount3 >/dev/null || exit 0
as_user "$bob" test -w /dev/fuse || exit 0
chown -R "$bob" "$q" "$tmp/home/$bob"
as_user "$bob" filed -state "$tmp/home/$bob/filed.db" "$q" 2>>"$log" &
filed_pid=$!
wait_for 'as_user "$bob" test -e "$q/status" || ! running "$filed_pid"'
for pid in "$filed_pid" "$(process filed-launcher)" "$(process filed-notifier)"; do
	assert_eq "$(four "$(id -u "$bob")" "$(id -g "$bob")")" "$(ids "$pid")" "process $pid of an ordinary user"
	assert_eq "$none $none" "$(capabilities "$pid" | cut -d ' ' -f 1,2)" "its capabilities"
done
as_user "$bob" sh -c 'echo "id -un" >"$1"' - "$q/pending/1"
wait_for 'as_user "$bob" test -e "$q/complete/1"'
assert_eq "$bob" "$(as_user "$bob" sed 1d "$q/complete/1")" "the job"
stop_filed
