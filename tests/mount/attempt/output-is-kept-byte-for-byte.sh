# A log has what was printed, byte for byte, and stdout and stderr together in order.
. "${0%/*}/../../lib/test.sh"
config workers=1
start_filed

submit binary 'i=0; while [ $i -lt 256 ]; do printf "\\$(printf %o $i)"; i=$((i + 1)); done'
wait_in complete binary
i=0
while [ $i -lt 256 ]; do
	# shellcheck disable=SC2059
	printf "\\$(printf %o $i)"
	i=$((i + 1))
done >"$tmp/bytes"
sed 1d "$q/complete/binary" >"$tmp/got"
cmp "$tmp/bytes" "$tmp/got" || fail "bytes differ"

submit mixed 'for i in 1 2 3; do echo out $i; echo err $i >&2; done; printf "no newline"'
wait_in complete mixed
sed 1d "$q/complete/mixed" >"$tmp/got"
assert_file "$tmp/got" 'out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\nno newline'

# Three million bytes, read from any place.
submit large "head -c 3000000 /dev/zero | tr '\\0' 'x'; echo; echo end"
wait_in complete large 20
header=$(head -n 1 "$q/complete/large" | wc -c)
assert_eq $((header + 3000005)) "$(stat -c %s "$q/complete/large")" "size"
assert_eq $((header + 3000005)) "$(wc -c <"$q/complete/large")" "bytes read"
assert_eq end "$(tail -n 1 "$q/complete/large")" "last line"
assert_eq "xxxxx" "$(dd if="$q/complete/large" bs=1 skip=2000000 count=5 2>/dev/null)" "bytes in the middle"

# A log can be read while it grows, and to its end although the job has gone on.
submit live "echo first; until [ -e $tmp/go ]; do sleep 0.1; done; echo last"
wait_for 'grep -q "^first" "$q/active/live"'
exec 3<"$q/active/live"
: >"$tmp/go"
wait_in complete live
assert_eq "last" "$(tail -n 1 <&3)" "end of the log through an old descriptor"
