# filed that may open nothing more cannot look up whether its mount is still there. It does not take this
# for an unmount.
. "${0%/*}/../../lib/test.sh"
needs root prlimit as_user
config workers=1 retries=0
start_filed
# Only the user that serves, and root with all of its rights, may limit it.
as_server() { as_user "$(awk '/^[UG]id:/ { printf "%s%s", sep, $2; sep = ":" }' "/proc/$filed_pid/status")" "$@"; }
as_server prlimit --pid "$filed_pid" --nofile=12:
mkdir "$tmp/other"
mount -t tmpfs none "$tmp/other"
umount "$tmp/other"
submit 1 true
# It is claimed and put back, then stays for a second.
wait_for 'grep -q "job 1: .* put back" "$log"'
wait_in pending 1
assert_eq pending "$(where 1)" "a job that is submitted now"
assert "filed goes on" [ -e "$q/status" ]
! grep 'the mount is gone' "$log" || fail "it has given up"
as_server prlimit --pid "$filed_pid" --nofile=100:
wait_in complete 1
# A real unmount is still seen.
umount -l "$q"
reap
assert_eq 1 "$ended" "status"
grep -q 'the mount is gone' "$log" || fail "an unmount is not seen"
