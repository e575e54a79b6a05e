# alone
# limit: 1200
# The tests of the queue, run by a user who has nothing but fusermount3.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"
needs fusermount3

as_user "$alice" test -w /dev/fuse || skip "only root may open /dev/fuse here"
as_user "$alice" test -r "$top/tests/lib/test.sh" -a -x "$out/filed" || skip "others may not read $top and $out"
# Not in $tmp: its name is long, and the lines of a configuration are not.
short=$(mktemp -d "${TMPDIR:-/tmp}/f.XXXXXX")
chown "$alice" "$short"
cd "$short"
status=0
as_user "$alice" env -u TEST_TMP -u lint TMPDIR="$short" out="$out" shells=sh jobs=4 total=1000 \
	"$top/tests/run" mount/ \
	>"$tmp/results" 2>&1 || status=$?
cd "$top"
rm -rf "$short"
if [ "$status" != 0 ]; then
	grep -v '^ok' "$tmp/results" || :
	fail "the suite does not pass as an ordinary user"
fi
tail -n 1 "$tmp/results"
[ "$(grep -c '^ok' "$tmp/results")" -ge 40 ] || fail "$(cat "$tmp/results")"
