# A text longer than the 128 KiB that the kernel takes for one argument runs all the same.
. "${0%/*}/../../lib/test.sh"
config workers=1
start_filed

# long SIZE: a text of that size, to the byte.
long() {
	printf 'echo "$FILED_ID"\n'
	printf ': %0*d\n' "$(($1 - 17 - 3 - 7))" 0
	echo "exit 0"
}
for size in 131070 131071 131072 131073 200000; do
	long "$size" >"$tmp/text"
	assert_eq "$size" "$(stat -c %s "$tmp/text")" "size of the text"
	cp "$tmp/text" "$q/pending/$size"
	wait_in complete "$size"
	{
		printf '>>> '
		cat "$tmp/text"
		echo "$size"
	} >"$tmp/wanted"
	cmp "$tmp/wanted" "$q/complete/$size" || fail "$size: $(tail -n 2 "$q/complete/$size")"
done
