# filed -check and a start are one list of steps: both refuse the same with the same line, and neither changes anything
# then. What only deserves a warning is a warning in both. A filed that serves this very queue is no fault for -check.
# limit: 300
. "${0%/*}/../../lib/test.sh"
needs root fuse setpriv
make_state() {
	start_filed
	stop_filed
}
filed=$(command -v filed)

# refused WORDS ARGUMENT…: by both; $as goes before the command.
as=
refused() {
	words=$1
	shift
	ls -lnR "$tmp" >"$tmp.before"
	for check in -check ''; do
		status=0
		# shellcheck disable=SC2086
		timeout 80 $as "$filed" $check "$@" >"$tmp.said" 2>&1 || status=$?
		assert_eq 1 "$status" "status of filed $check $*: $(cat "$tmp.said")"
		assert_eq 1 "$(wc -l <"$tmp.said")" "lines of filed $check $*: $(cat "$tmp.said")"
		grep -q -E "^filed: $words" "$tmp.said" || fail "filed $check $* says: $(cat "$tmp.said")"
		ls -lnR "$tmp" | cmp -s "$tmp.before" - || fail "filed $check $* has changed something: $(ls -lnR "$tmp")"
	done
	rm "$tmp.before" "$tmp.said"
}

# --- the mount point
echo text >"$tmp/file"
mkdir "$tmp/full" "$tmp/dir" "$tmp/dir2"
: >"$tmp/full/x"
refused "$tmp/missing: No such file" -state "$state" "$tmp/missing"
refused "$tmp/file: Not a directory" -state "$state" "$tmp/file"
refused "$tmp/full: not empty" -state "$state" "$tmp/full"

# --- the state file
refused "$tmp/none/filed.db: No such file" -state "$tmp/none/filed.db" "$q"
refused "$tmp/file/filed.db: Not a directory" -state "$tmp/file/filed.db" "$q"
refused "$tmp/dir: Is a directory" -state "$tmp/dir" "$q"
mkfifo "$tmp/fifo"
refused "$tmp/fifo: not a regular file" -state "$tmp/fifo" "$q"
ln -s nowhere "$tmp/link"
refused "$tmp/link: not a regular file" -state "$tmp/link" "$q"
head -c 8192 /dev/zero | tr '\0' x >"$tmp/junk"
refused "$tmp/junk: not a filed state file" -state "$tmp/junk" "$q"
make_state
cp "$state" "$tmp/newer"
printf '\0\0\1\0' | dd of="$tmp/newer" bs=1 seek=60 conv=notrunc 2>/dev/null
refused "$tmp/newer: written by a newer filed \(schema 256" -state "$tmp/newer" "$q"
cp "$state" "$tmp/theirs"
chown 12345 "$tmp/theirs"
refused "$tmp/theirs: belongs to user 12345" -state "$tmp/theirs" "$q"
cp "$state" "$tmp/linked"
chown 0 "$tmp/linked"
ln "$tmp/linked" "$tmp/linked2"
refused "$tmp/linked: has another name" -state "$tmp/linked" "$q"
mkdir -m 777 "$tmp/open"
config '[daemon]' user=nobody
refused "$tmp/open/filed.db: jobs could replace it" -c "$conf" -state "$tmp/open/filed.db" "$q"
as="setpriv --reuid 12345 --regid 12345 --clear-groups"
chmod 777 "$tmp/dir2"
refused "$tmp/dir/filed.db: (Permission denied|No such file)" -state "$tmp/dir/filed.db" "$tmp/dir2"
as=

# --- users, the sandbox, programs, the right to mount
config '[daemon]' group=nogroup
refused 'group `nogroup`: it needs a user' -c "$conf" -state "$state" "$q"
refused "sandbox: $state lies in $tmp, which jobs may write" -state "$state" -rw "$tmp" -ro /usr -ro /bin -ro /lib "$q"
config shell=/bin/no-shell
refused 'shell /bin/no-shell: No such file' -c "$conf" -state "$state" "$q"
config
as="setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin"
refused "$q: cannot mount: Operation not permitted; mounting needs CAP_SYS_ADMIN" -c "$conf" -state "$state" "$q"
as=
if unshare -m true 2>/dev/null; then
	mkdir "$tmp/bin"
	printf '#!/bin/sh\nmount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec "$@"\n' >"$tmp/bin/no-fuse"
	chmod 755 "$tmp/bin/no-fuse"
	as="unshare -m $tmp/bin/no-fuse"
	refused "$q: cannot mount: /dev/fuse: No such file" -c "$conf" -state "$state" "$q"
	as=
fi

# --- what is warned of
config workers=1 retries=0 '[hooks]' 'on_failure=/usr/bin/no-program $FILED_ID' 'on_complete=exit 0'
chmod 600 "$conf"
for warning in 'on_failure: /usr/bin/no-program: No such file' "$conf: user [0-9]* may not read it"; do
	filed -check -c "$conf" -state "$state" "$q" 2>"$tmp/said" >"$tmp/out" || fail "a warning is an error"
	grep -q "^filed: $warning" "$tmp/said" || fail "-check does not say: $warning"
done
assert_eq "filed: the configuration is sound" "$(cat "$tmp/out")" "-check"
start_filed
for warning in 'on_failure: /usr/bin/no-program: No such file' "$conf: user [0-9]* may not read it"; do
	grep -q "^filed: $warning" "$log" || fail "a start does not say: $warning"
done

# --- one that runs
filed -check -c "$conf" -state "$state" "$q" >"$tmp/out" 2>/dev/null || fail "-check of what runs: $(cat "$tmp/out")"
assert_eq "filed: the configuration is sound; a filed serves it now" "$(cat "$tmp/out")" "-check"
filed -check -state "$tmp/other.db" "$q" >"$tmp/said" 2>&1 && fail "a mount point in use is sound"
grep -q "^filed: $q: in use by another filed" "$tmp/said" || fail "it says: $(cat "$tmp/said")"
filed -check -state "$state" "$tmp/dir" >"$tmp/said" 2>&1 && fail "a state in use is sound"
grep -q "^filed: $state: in use by another filed" "$tmp/said" || fail "it says: $(cat "$tmp/said")"
submit x "echo x"
wait_in complete x
kill9
filed -check -state "$state" "$q" >"$tmp/out" || fail "a dead mount is a fault"
assert_eq "filed: the configuration is sound" "$(cat "$tmp/out")" "-check"
