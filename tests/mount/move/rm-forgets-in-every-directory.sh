# rm cancels a pending job, and removes a failed or complete one. Its id can be used again.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0
start_filed

submit good "echo good"
submit bad "exit 1"
wait_in complete good
wait_in failed bad
touch -d '2035-01-01 00:00:00' "$q/complete/good"
mv "$q/complete/good" "$q/pending/later"
submit good "echo again"
wait_in complete good

# shellcheck disable=SC2094
exec 3>>"$q/pending/later" 4<"$q/pending/later" 5<"$q/complete/good"
rm "$q/pending/later" "$q/failed/bad" "$q/complete/good"
# A program that has it open sees that it has no name any more, and still reads it.
assert_eq "0 0 0" "$(stat -L -c %h /dev/fd/3 /dev/fd/4 /dev/fd/5 | xargs)" "links of removed jobs"
exec 3>&-
assert_eq "0 0" "$(stat -L -c %h /dev/fd/4 /dev/fd/5 | xargs)" "links of removed jobs"
assert_eq "echo good again" "$(cat <&4) $(tail -n 1 <&5)" "what is read of them"
exec 4<&- 5<&-
for id in later bad good; do assert_eq "" "$(where $id)" "where $id is"; done
assert_fails ENOENT cat "$q/complete/good"
assert_fails ENOENT rm "$q/failed/bad"
assert_fails ENOENT mv "$q/complete/good" "$q/pending/"
assert_eq "0 0 0" "$(counter pending) $(counter failed) $(counter complete)" "counts"

submit good "echo third"
wait_in complete good
assert_file "$q/complete/good" '>>> echo third\nthird\n'
restart_filed
assert_eq "complete" "$(where good)" "where good is"
assert_eq "" "$(where later)$(where bad)" "what was removed"
