# A mount point or state file that cannot be: one line, status 1, and everything is left as it was.
. "${0%/*}/../../lib/test.sh"
needs fuse

# refused WHAT WORDS ARGUMENT…
refused() {
	what=$1 words=$2
	shift 2
	status=0
	timeout 80 filed "$@" 2>"$tmp/said" >"$tmp/out" || status=$?
	assert_eq 1 "$status" "status of filed $*: $(cat "$tmp/said")"
	assert_eq 1 "$(grep -c '' "$tmp/said")" "lines of: $(cat "$tmp/said")"
	case $(cat "$tmp/said") in
	"filed: $what: "*) ;;
	*) fail "filed $* says: $(cat "$tmp/said")" ;;
	esac
	grep -q -E "$words" "$tmp/said" || fail "filed $* says: $(cat "$tmp/said")"
	assert_eq "" "$(mounts_below "$tmp")" "mounts"
	assert_eq "" "$(cat "$tmp/out")" "output"
}

# The mount point
echo text >"$tmp/file"
mkdir "$tmp/full" && : >"$tmp/full/x"
refused "$tmp/missing" 'No such file' -state "$state" "$tmp/missing"
refused "$tmp/file" 'Not a directory' -state "$state" "$tmp/file"
refused "$tmp/full" 'not empty' -state "$state" "$tmp/full"
refused "$tmp/file/x" 'Not a directory' -state "$state" "$tmp/file/x"
assert "no state was made" [ ! -e "$state" ]
assert_eq "text x" "$(cat "$tmp/file") $(ls "$tmp/full")" "what was there"

# The state file
mkdir "$tmp/folder"
refused "$tmp/folder" 'Is a directory' -state "$tmp/folder" "$q"
refused "$tmp/none/filed.db" 'No such file' -state "$tmp/none/filed.db" "$q"
refused "$tmp/file/x" 'Not a directory' -state "$tmp/file/x" "$q"
refused "/dev/null" 'not a regular file' -state /dev/null "$q"
refused "$tmp/file" 'not a filed state file' -state "$tmp/file" "$q"
assert_eq "text" "$(cat "$tmp/file")" "what was there"
head -c 8192 /dev/zero | tr '\0' x >"$tmp/junk"
cp "$tmp/junk" "$tmp/junk.copy"
refused "$tmp/junk" 'not a filed state file' -state "$tmp/junk" "$q"
assert "it is as it was" cmp -s "$tmp/junk" "$tmp/junk.copy"
assert_eq "" "$(find "$tmp" -name '*-wal' -o -name '*-shm' -o -name '*-journal')" "stray files"
if command -v sqlite3 >/dev/null; then
	sqlite3 "$tmp/alien.db" 'CREATE TABLE t(x); INSERT INTO t VALUES(1)'
	cp "$tmp/alien.db" "$tmp/alien.copy"
	refused "$tmp/alien.db" 'not a filed state file' -state "$tmp/alien.db" "$q"
	assert_eq 1 "$(sqlite3 "$tmp/alien.db" 'SELECT x FROM t')" "what was there"
	start_filed
	stop_filed
	version=$(sqlite3 "$state" 'PRAGMA user_version')
	sqlite3 "$state" "PRAGMA user_version = $((version + 1))"
	refused "$state" 'newer' -state "$state" "$q"
	assert_eq $((version + 1)) "$(sqlite3 "$state" 'PRAGMA user_version')" "version"
fi
# Not busybox's applet of the same name, which has fewer options.
setpriv=/usr/bin/setpriv
[ -x $setpriv ] || setpriv=/bin/setpriv
if [ "$(id -u)" = 0 ] && [ -x $setpriv ]; then
	: >"$tmp/closed.db"
	chmod 444 "$tmp/closed.db"
	mkdir -m 777 "$tmp/q4"
	chown 12345 "$tmp/q4"
	set -- $setpriv --reuid 12345 --regid 12345 --clear-groups
	status=0
	"$@" "$(command -v filed)" -state "$tmp/closed.db" "$tmp/q4" 2>"$tmp/said" || status=$?
	assert_eq "1 filed: $tmp/closed.db: Permission denied" "$status $(cat "$tmp/said")" "an unwritable state file"
fi
