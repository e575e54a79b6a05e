# A name that starts with a dot is a draft: it runs when it is renamed, and not before.
. "${0%/*}/../../lib/test.sh"
config workers=1
start_filed

submit .1 "echo draft"
touch -d @0 "$q/pending/.1"
submit 2 true
wait_in complete 2
assert_eq pending "$(where .1)" "where .1 is"
assert_eq "1 1" "$(counter pending) $(counter drafts)" "pending and drafts"
mv "$q/pending/.1" "$q/pending/1"
wait_in complete 1

# mv pending/3 pending/.3 holds a job.
submit 3 "until [ -e $tmp/go ]; do sleep 0.1; done"
wait_in active 3
submit 4 "echo 4"
mv "$q/pending/4" "$q/pending/.4"
: >"$tmp/go"
wait_in complete 3
restart_filed
submit 5 true
wait_in complete 5
assert_eq pending "$(where .4)" "where .4 is"
mv "$q/pending/.4" "$q/pending/..4"
submit 6 true
wait_in complete 6
assert_eq pending "$(where ..4)" "where ..4 is"
mv "$q/pending/..4" "$q/pending/4"
wait_in complete 4
assert_eq 0 "$(counter drafts)" "drafts"
