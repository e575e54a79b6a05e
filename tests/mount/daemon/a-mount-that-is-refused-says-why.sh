# Without /dev/fuse, without the right to mount, or without fusermount3, a start fails with one line that says why.
. "${0%/*}/../../lib/test.sh"
needs fuse setpriv

# says WORDS COMMAND…
says() {
	words=$1
	shift
	status=0
	"$@" >"$tmp/said" 2>&1 || status=$?
	assert_eq 1 "$status" "status of $*: $(cat "$tmp/said")"
	assert_eq 1 "$(wc -l <"$tmp/said")" "lines of: $(cat "$tmp/said")"
	grep -q -E "^filed: $q: cannot mount: $words" "$tmp/said" || fail "$* says: $(cat "$tmp/said")"
	assert_eq "" "$(mounts_below "$tmp")" "mounts"
}

filed=$(command -v filed)
mkdir "$tmp/home"
if [ "$(id -u)" = 0 ]; then
	says 'Operation not permitted; mounting needs CAP_SYS_ADMIN' \
		setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$filed" -state "$state" "$q"
	if unshare -m true 2>/dev/null; then
		# shellcheck disable=SC2016
		says '/dev/fuse: No such file or directory; is the fuse module loaded\?' \
			unshare -m sh -c 'mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec "$@"' - \
			"$filed" -state "$state" "$q"
	fi
	chmod 755 "$tmp"
	chown 12345 "$q" "$tmp/home"
	user="setpriv --reuid 12345 --regid 12345 --clear-groups"
fi
# shellcheck disable=SC2086
says '.*fusermount' ${user-} env PATH=/nowhere "$filed" -state "$tmp/home/user.db" "$q"
# What fusermount3 says itself: here that the user may not mount there.
if [ "$(id -u)" = 0 ] && command -v fusermount3 >/dev/null; then
	chown 0 "$q"
	# shellcheck disable=SC2086
	says 'fusermount3: .*(denied|access)' ${user-} "$filed" -state "$tmp/home/user.db" "$q"
fi
