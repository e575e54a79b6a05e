# Text with a NUL byte is refused by write, with EINVAL; what was there before stays, and does not run.
. "${0%/*}/../../lib/test.sh"
config workers=0
start_filed

printf 'echo a\0b' >"$tmp/nul"
assert_fails EINVAL sh -c 'call put "$1" <"$2"' - "$q/pending/new" "$tmp/nul"
grep -q '^write: ' "$tmp/said" || fail "it was not write that failed: $(cat "$tmp/said")"
# That of a draft by close, because vim keeps such a file of its own beside what it edits. The draft is gone.
assert_fails EINVAL sh -c 'call put "$1" <"$2"' - "$q/pending/.draft" "$tmp/nul"
grep -q '^close: ' "$tmp/said" || fail "it was not close that failed: $(cat "$tmp/said")"
assert_fails ENOENT mv "$q/pending/.draft" "$q/pending/draft"
# Not by a part of it either, as a program that goes on after the error would leave it.
assert_fails EINVAL sh -c '{ echo a; cat "$2"; echo b; } | dd bs=1 conv=noerror of="$1"' - "$q/pending/new" "$tmp/nul"
# A shell whose command fails says so, though it ignores the error of close.
assert_fails EINVAL sh -c 'cat "$2" >"$1"' - "$q/pending/new" "$tmp/nul"
# A hole, which reads as NUL bytes, is refused by close.
assert_fails EINVAL sh -c 'printf x | dd bs=1 seek=10 conv=notrunc of="$1"' - "$q/pending/new"
assert_eq "" "$(where new)" "where new is"

submit old "echo old"
assert_fails EINVAL sh -c 'call put "$1" <"$2"' - "$q/pending/old" "$tmp/nul"
assert_file "$q/pending/old" 'echo old'
assert_fails EINVAL sh -c 'call put "$1" append <"$2"' - "$q/pending/old" "$tmp/nul"
assert_file "$q/pending/old" 'echo old'
assert_fails EINVAL cp "$tmp/nul" "$q/pending/copy"
assert_fails EINVAL call size "$q/pending/old" 100
assert_file "$q/pending/old" 'echo old'
assert_eq old "$(ls -A "$q/pending")" "pending"

echo "workers = 1" >"$q/config.ini"
mv "$q/pending/old" "$q/pending/old-is-good"
wait_in complete old-is-good
assert_file "$q/complete/old-is-good" '>>> echo old\nold\n'
assert_eq 1 "$(counter total_started)" "started"
