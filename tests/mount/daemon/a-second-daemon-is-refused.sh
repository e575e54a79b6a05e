# A second filed on the same mount point or state file is refused with one line, and hurts nobody.
. "${0%/*}/../../lib/test.sh"
config workers=1
start_filed

# refused WORDS ARGUMENT…
refused() {
	words=$1
	shift
	status=0
	timeout 80 filed "$@" 2>"$tmp/said" || status=$?
	assert_eq 1 "$status" "status of filed $*"
	assert_eq 1 "$(grep -c . "$tmp/said")" "lines of: $(cat "$tmp/said")"
	grep -q -E "^filed: .+: $words" "$tmp/said" || fail "it says: $(cat "$tmp/said")"
}
mkdir "$tmp/q2"
refused 'in use' -state "$tmp/other.db" "$q"
refused 'in use' -state "$state" "$tmp/q2"
ln -s filed.db "$tmp/link.db"
refused '.*' -state "$tmp/link.db" "$tmp/q2"
ln -s q "$tmp/q3"
refused 'in use' -state "$tmp/other.db" "$tmp/q3"
assert "nothing is mounted on the other" sh -c '! mountpoint -q "$1"' - "$tmp/q2"
submit x "echo x"
wait_in complete x
