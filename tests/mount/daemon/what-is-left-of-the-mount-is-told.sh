# At its end filed unmounts its own mount and no other. What it cannot unmount is told, with status 1. The next
# start removes what a dead filed has left.
. "${0%/*}/../../lib/test.sh"
needs root fuse flock
config workers=1 retries=0

# ends_with STATUS LINE: filed has ended so, and the last lines of its log have that.
ends_with() {
	wait_gone "$filed_pid" 30
	reap
	assert_eq "$1" "$ended" "status"
	grep -q -F "filed: $2" "$log" || fail "the log does not say: $2"
	: >"$log"
}

# mounts DIR: the types of what is mounted there.
mounts() {
	awk -v dir="$1" '$2 == dir { print $3 }' /proc/self/mounts | xargs
}

# Another mount covers it: both stay.
start_filed
mount -t tmpfs none "$q"
kill "$filed_pid"
ends_with 1 "$q: another mount covers the queue: unmount that one, then the queue"
assert_eq "fuse.filed tmpfs" "$(mounts "$q")" "mounts"
umount "$q"
start_filed
grep -q -F "filed: $q: unmounting what a dead filed has left" "$log" || fail "the log does not say what it did"
assert_eq fuse.filed "$(mounts "$q")" "mounts"
stop_filed

# It is mounted on a second directory, too: that one is left to the admin.
mkdir "$tmp/elsewhere"
start_filed
mount --bind "$q" "$tmp/elsewhere"
submit x "echo x"
wait_for '[ -e "$tmp/elsewhere/complete/x" ]'
kill "$filed_pid"
ends_with 0 "$tmp/elsewhere: the queue was also mounted here: unmount it"
assert_eq " fuse.filed" "$(mounts "$q") $(mounts "$tmp/elsewhere")" "mounts"
start_filed
assert_eq ">>> echo x" "$(head -n 1 "$q/complete/x")" "the log of before"
umount "$tmp/elsewhere"

# The notifier and the launcher have died: nobody who may unmount is left.
notifier=$(process filed-notifier)
kill -KILL "$notifier"
wait_for 'grep -q "the notifier is gone" "$log"'
kill -KILL "$(process filed-launcher)"
ends_with 1 "$q: the queue could not be unmounted; the next start does it"
assert_eq fuse.filed "$(mounts "$q")" "mounts"
start_filed
assert_eq fuse.filed "$(mounts "$q")" "mounts"

# Without the notifier, a stop is a stop.
kill -KILL "$(process filed-notifier)"
wait_for 'grep -q "the notifier is gone" "$log"'
stop_filed
assert_eq "" "$(mounts "$q")" "mounts"

# Its directory was moved: the mount is unmounted where it is, and what now has the old name stays.
mkdir "$tmp/above"
mv "$q" "$tmp/above/q"
q=$tmp/above/q
start_filed
mv "$tmp/above" "$tmp/moved"
mkdir -p "$q"
mount -t tmpfs none "$q"
kill "$filed_pid"
wait_gone "$filed_pid" 30
reap
assert_eq "0  tmpfs" "$ended $(mounts "$tmp/moved/q") $(mounts "$q")" "status and mounts"
umount "$q"

# A directory that another program has locked.
exec 9<"$q"
flock 9
status=0
filed -state "$state" "$q" 2>"$tmp/said" || status=$?
exec 9<&-
assert_eq "1 filed: $q: in use by another filed, or locked by another program" "$status $(cat "$tmp/said")"
