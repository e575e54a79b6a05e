# Text with a NUL byte is refused when it is closed, with EINVAL; what was there before stays and runs.
. "${0%/*}/../../lib/test.sh"
config workers=0
start_filed

printf 'echo a\0b' >"$tmp/nul"
assert_fails EINVAL sh -c 'call put "$1" <"$2"' - "$q/pending/new" "$tmp/nul"
grep -q '^close: ' "$tmp/said" || fail "it was not close that failed: $(cat "$tmp/said")"
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
wait_in complete old
assert_file "$q/complete/old" '>>> echo old\nold\n'
assert_eq 1 "$(counter total_started)" "started"
