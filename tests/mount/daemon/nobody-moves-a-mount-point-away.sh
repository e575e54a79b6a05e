# Between the check of the mount point and the mount, a user puts a link in the place of a directory above. Nothing is
# mounted where that leads, and nothing else is unmounted.
. "${0%/*}/../../lib/test.sh"
needs root fuse strace
case $(uname -m) in
x86_64) mount_call=165 ;;
aarch64) mount_call=40 ;;
*) skip "the number of mount(2) is not known here" ;;
esac

mkdir -p "$tmp/users/q" "$tmp/admins/q"
mount -t tmpfs none "$tmp/admins/q"
strace -f -qq -o "$tmp/trace" -e trace=mount -e inject=mount:delay_enter=4000000 \
	filed -state "$state" "$tmp/users/q" 2>"$tmp/said" &
tracer=$!
wait_for 'daemon=$(pgrep -o -P "$tracer" -x filed)'
wait_for 'grep -q "^$mount_call " "/proc/$daemon/syscall"'
mv "$tmp/users" "$tmp/moved"
ln -s "$tmp/admins" "$tmp/users"
status=0
wait "$tracer" || status=$?
assert_eq "1 filed: $tmp/users/q: was moved, unmounted or covered by another mount while filed started" \
	"$status $(cat "$tmp/said")"
assert_eq "$tmp/admins/q" "$(mounts_below "$tmp")" "mounts"
umount "$tmp/admins/q"
