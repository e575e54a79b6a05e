# mv complete/x pending runs the job again, also under another name, and later if it is dated so.
. "${0%/*}/../../lib/test.sh"
config workers=1
start_filed

submit x "echo \$FILED_ID >>$tmp/ran"
wait_in complete x
mv "$q/complete/x" "$q/pending/y"
wait_in complete y
assert_file "$tmp/ran" 'x\ny\n'
assert_eq "" "$(where x)" "where x is"

# Dated ahead, it waits.
touch -d '2035-01-01 00:00:00' "$q/complete/y"
mv "$q/complete/y" "$q/pending/y"
submit z "echo z >>$tmp/ran"
wait_in complete z
assert_eq pending "$(where y)" "where y is"
assert_file "$q/pending/y" "echo \$FILED_ID >>$tmp/ran"
assert_eq 1 "$(counter waiting)" "waiting"

# With its old date, but moved to a draft's name: it does not run.
mv "$q/complete/z" "$q/pending/.z"
touch "$q/pending/y"
wait_in complete y
assert_file "$tmp/ran" 'x\ny\nz\ny\n'
assert_eq pending "$(where .z)" "where .z is"
