# A killed filed starts again on a full disk. Jobs that were running are put back, and rm
# makes room.
. "${0%/*}/../lib/test.sh"
needs root
mkdir "$tmp/small"
mount -t tmpfs -o size=3m tmpfs "$tmp/small" || skip "no tmpfs here"
state=$tmp/small/filed.db
config workers=1 retries=0
start_filed

submit running "echo \$FILED_ATTEMPT >>$tmp/runs; [ -e $tmp/go ] || exec sleep 1000"
wait_for '[ -s "$tmp/runs" ]'
head -c 60000 /dev/zero | tr '\0' x | call put "$q/pending/.large"
kill9
wait_for '! mountpoint -q "$q"'
cat /dev/zero >"$tmp/small/others" 2>/dev/null || :

start_filed
if head -c 200000 /dev/zero | tr '\0' x | call put "$q/pending/more" >"$tmp/said"; then fail "it was accepted"; fi
grep -q '^close: No space left on device' "$tmp/said" || fail "it says: $(cat "$tmp/said")"
rm "$q/pending/.large"
assert "the rest is there" [ -e "$q/active/running" ]
rm "$tmp/small/others"
: >"$tmp/go"
mv "$q/active/running" "$q/pending/running"
wait_in complete running
submit more "echo more"
wait_in complete more
