# When the disk is full, close says ENOSPC, and what was acknowledged stays; reads go on, rm frees, and
# then all works again.
. "${0%/*}/../../lib/test.sh"
needs root
mkdir "$tmp/small"
# Only root may enter its directory, as with /var/lib/filed: the user nobody serves.
mount -t tmpfs -o size=2m,mode=0700 tmpfs "$tmp/small" || skip "no tmpfs here"
state=$tmp/small/filed.db
config workers=0
start_filed

submit first "echo first"
{
	echo 'exit 0'
	head -c 100000 /dev/zero | tr '\0' x
} >"$tmp/text"
i=0
while [ $i -lt 100 ]; do
	if call put "$q/pending/big-$i" <"$tmp/text" >"$tmp/said"; then
		echo "big-$i" >>"$tmp/receipts"
	else
		break
	fi
	i=$((i + 1))
done
assert "it becomes full" [ $i -lt 100 ]
grep -q '^close: No space left on device' "$tmp/said" || fail "it says: $(cat "$tmp/said")"
assert "there was some room: $i jobs" [ $i -gt 3 ]

assert_file "$q/pending/first" 'echo first'
while read -r id; do cmp "$tmp/text" "$q/pending/$id"; done <"$tmp/receipts"
assert_eq "" "$(where "big-$i")" "where the refused one is"
counter pending >/dev/null
ls -l "$q/pending" >/dev/null
while read -r id; do rm "$q/pending/$id"; done <"$tmp/receipts"

submit last "echo last"
echo "workers = 1" >"$q/config.ini"
wait_in complete first 20
wait_in complete last 20
restart_filed
assert_file "$q/complete/last" '>>> echo last\nlast\n'
