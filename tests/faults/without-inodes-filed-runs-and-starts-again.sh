# A file system without a free inode stops nothing that runs, and no start, because filed makes no files then. If the
# write-ahead log was removed, a start says that it cannot make it.
. "${0%/*}/../lib/test.sh"
needs root
mkdir "$tmp/small"
mount -t tmpfs -o nr_inodes=20 tmpfs "$tmp/small" || skip "no tmpfs here"
state=$tmp/small/filed.db
config workers=1
start_filed

submit before "echo before"
wait_in complete before
i=0
while touch "$tmp/small/$i" 2>/dev/null; do i=$((i + 1)); done
assert "it becomes full" [ $i -lt 20 ]
submit during "echo during"
wait_in complete during
rm "$q/complete/before"
restart_filed
submit later "echo later"
wait_in complete later
kill9
start_filed
rm "$q/complete/later"
stop_filed
rm "$state-wal" # which is empty now
touch "$tmp/small/taken"

status=0
timeout 80 filed -c "$conf" -state "$state" "$q" 2>"$tmp/said" || status=$?
assert_eq 1 "$status" "status"
grep -q "^filed: $state-wal: No space left on device" "$tmp/said" || fail "it says: $(cat "$tmp/said")"
assert_eq 1 "$(grep -c . "$tmp/said")" "lines"

rm "$tmp/small/0"
start_filed
assert_file "$q/complete/during" '>>> echo during\nduring\n'
submit after "echo after"
wait_in complete after
