# mv failed/x pending runs the job again: at once, and its attempts start from 1.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=1 backoff=1ms
start_filed

submit x "echo \$FILED_ATTEMPT >>$tmp/attempts; [ -e $tmp/good ]"
wait_in failed x
assert_file "$tmp/attempts" '1\n2\n'
call times "$q/failed/x" >"$tmp/before"
: >"$tmp/good"
mv "$q/failed/x" "$q/pending/"
wait_in complete x
assert_file "$tmp/attempts" '1\n2\n1\n'
assert_file "$q/complete/x" ">>> echo \$FILED_ATTEMPT >>$tmp/attempts; [ -e $tmp/good ]\n"
