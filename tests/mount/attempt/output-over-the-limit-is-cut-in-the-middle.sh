# Output above output_limit keeps its head and its tail; the line between counts what is missing.
. "${0%/*}/../../lib/test.sh"
config workers=1 output_limit=64K
start_filed

numbers='awk "BEGIN { for (i = 0; i < 100000; i++) printf \"%09d\\n\", i }"'
eval "$numbers" >"$tmp/all"
assert_eq 1000000 "$(stat -c %s "$tmp/all")" "what is printed"

# check ID PRINTED: the log of that job, which printed the first so many bytes.
check() {
	wait_in complete "$1" 20
	head -c "$2" "$tmp/all" >"$tmp/printed"
	cp "$q/complete/$1" "$tmp/job-log"
	if [ "$2" -le 65536 ]; then
		{ head -n 1 "$tmp/job-log" && cat "$tmp/printed"; } >"$tmp/wanted"
	else
		{
			head -n 1 "$tmp/job-log"
			head -c 49152 "$tmp/printed"
			printf '\n\n[System Error]: output limit 64K: %d bytes left out here\n\n' $(($2 - 65536))
			tail -c 16384 "$tmp/printed"
		} >"$tmp/wanted"
	fi
	cmp "$tmp/wanted" "$tmp/job-log" || fail "the log of $1 is another"
}
submit fits "$numbers | head -c 65536"
submit one-more "$numbers | head -c 65537"
submit all "$numbers"
check fits 65536
check one-more 65537
check all 1000000

# The cause of a failed job stands behind the tail.
config workers=1 output_limit=1K retries=0
restart_filed
submit bad "$numbers; exit 5"
wait_in failed bad 20
tail -n 4 "$q/failed/bad" >"$tmp/end"
assert_file "$tmp/end" '000099999\n\n\n[System Error]: exit status 5\n'
