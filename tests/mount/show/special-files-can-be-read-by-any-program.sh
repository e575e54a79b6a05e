# new-id, config.ini and status read whole by programs that trust a file's size: sendfile, cmp, dd, cp.
. "${0%/*}/../../lib/test.sh"
needs busybox
config workers=1
start_filed

for i in 1 2 3; do busybox cat "$q/new-id"; done >"$tmp/ids"
assert_eq 3 "$(sort -u "$tmp/ids" | grep -c -E '^[0-9a-z]{8}$')" "ids by busybox cat"
for file in config.ini status; do
	sed 's/^uptime.*/uptime/' "$q/$file" >"$tmp/wanted"
	assert "there is something in it" [ -s "$tmp/wanted" ]
	busybox cat "$q/$file" | sed 's/^uptime.*/uptime/' | cmp - "$tmp/wanted" || fail "busybox cat $file"
	cp "$q/$file" "$tmp/copy"
	sed 's/^uptime.*/uptime/' "$tmp/copy" | cmp - "$tmp/wanted" || fail "cp $file"
	assert "ls shows a size" [ -s "$q/$file" ]
done
busybox cp "$q/config.ini" "$tmp/copy"
cmp "$tmp/copy" "$q/config.ini" || fail "busybox cp config.ini"
printf 'retries = 1\n' >>"$tmp/copy" # twice now
assert_fails EINVAL sh -c 'call put "$1" <"$2"' - "$q/config.ini" "$tmp/copy"
busybox cat "$q/config.ini" | head -n 1 | grep -q '^; refused' || fail "the remark is missing"

# An archive of the whole mount is complete.
mkdir "$tmp/out"
tar cf "$tmp/all.tar" -C "$q" . 2>"$tmp/said" || fail "tar: $(cat "$tmp/said")"
tar xf "$tmp/all.tar" -C "$tmp/out"
assert "the archive has an id" grep -q -E '^[0-9a-z]{8}$' "$tmp/out/new-id"
cmp "$tmp/out/config.ini" "$q/config.ini"

# Logs, too, and the text of a job.
submit x "head -c 300000 /dev/zero | tr '\\0' x; echo; until [ -e $tmp/go ]; do sleep 0.05; done; echo end"
wait_for '[ "$(wc -c <"$q/active/x")" -gt 300000 ]'
assert_eq "$(stat -c %s "$q/active/x")" "$(busybox cat "$q/active/x" | wc -c)" "bytes by busybox cat"
: >"$tmp/go"
wait_in complete x
busybox cat "$q/complete/x" >"$tmp/copy"
assert_eq end "$(tail -n 1 "$tmp/copy")" "last line by busybox cat"
cmp "$tmp/copy" "$q/complete/x"
echo "workers = 0" >"$q/config.ini"
mv "$q/complete/x" "$q/pending/x"
busybox cat "$q/pending/x" | head -c 6 >"$tmp/copy"
assert_file "$tmp/copy" 'head -'
