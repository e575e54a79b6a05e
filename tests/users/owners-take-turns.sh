# Owners take turns, however many jobs one of them has and whatever times they have. Root can put a job before those
# of all owners, and others cannot.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"
config workers=0 '[mount]' mode=1777
start_filed

touch "$tmp/order"
chmod 666 "$tmp/order"
for i in 1 2 3 4 5 6; do
	by "$alice" "a$i" "echo a$i >>$tmp/order"
	as_user "$alice" touch -d @$i "$q/pending/a$i"
done
by "$bob" b1 "echo b1 >>$tmp/order"
by "$bob" b2 "echo b2 >>$tmp/order"
as_user "$bob" touch -d @100 "$q/pending/b1"
by "$carol" c "echo c >>$tmp/order"
by "$alice" urgent "echo urgent >>$tmp/order"
by "$alice" urgent2 "echo urgent2 >>$tmp/order"

first='1969-01-01 00:00:00'
assert_eq EPERM "$(outcome as_user "$alice" touch -d "$first" "$q/pending/a6")" "a time before 1970 by its owner"
touch -d '1969-06-01 00:00:00' "$q/pending/urgent"
touch -d "$first" "$q/pending/urgent2"

echo "workers = 1" >"$q/config.ini"
wait_for '[ "$(counter complete)" = 11 ]' 30
assert_eq "urgent2 urgent" "$(head -n 2 "$tmp/order" | xargs)" "the first"
assert_eq "a1 a2 a3 a4 a5 a6" "$(grep a "$tmp/order" | xargs)" "one owner's"
# After two jobs of alice's, it is the turn of the two others, who have not started any yet.
assert_eq "b1 c" "$(sed -n 3,4p "$tmp/order" | sort | xargs)" "then"
assert_eq "a1 a2 b2" "$(sed -n 5,7p "$tmp/order" | sort | xargs)" "then, alice's and bob's in turn"
