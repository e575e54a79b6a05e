# mv active/x pending kills the whole tree and queues the job again; the attempt does not count.
. "${0%/*}/../../lib/test.sh"
. "${0%/*}/../../lib/tree.sh"
config workers=1 retries=0
start_filed

submit x "echo \$FILED_ATTEMPT >>$tmp/attempts; [ -e $tmp/good ] || $tree_job"
wait_for_tree
: >"$tmp/good"
mv "$q/active/x" "$q/pending/"
assert_tree_dies
wait_in complete x
assert_file "$tmp/attempts" '1\n1\n'

# mv to a name with a dot holds it.
rm "$tmp/good"
mv "$q/complete/x" "$q/pending/"
wait_for_tree
mv "$q/active/x" "$q/pending/.x"
assert_tree_dies
submit y true
wait_in complete y
assert_eq pending "$(where .x)" "where .x is"
assert_file "$tmp/attempts" '1\n1\n1\n'
