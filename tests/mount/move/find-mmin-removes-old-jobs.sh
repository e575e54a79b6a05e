# find complete -mmin +60 -delete removes the jobs that ended more than an hour ago, and no others.
. "${0%/*}/../../lib/test.sh"
config workers=2
start_filed
for id in old1 old2 new; do submit $id "echo $id"; done
for id in old1 old2 new; do wait_in complete $id; done
touch -d "@$(($(date +%s) - 3720))" "$q/complete/old1" "$q/complete/old2"
find=/usr/bin/find # an applet of a busybox that was built without -delete would go before it
[ -x $find ] || skip "there is no $find"
assert_eq "old1 old2" "$($find "$q/complete" -type f -mmin +60 | sed 's,.*/,,' | sort | xargs)" "found"
$find "$q/complete" -type f -mmin +60 -delete
assert_eq new "$(ls "$q/complete")" "complete"
assert_eq 1 "$(counter complete)" "complete"
