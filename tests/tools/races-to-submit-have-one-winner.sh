# Of eight processes that submit a job of the same name with O_EXCL at the same time, exactly one wins,
# and the job runs once; whether it is pending, active or complete when the others come.
. "${0%/*}/../lib/test.sh"
config workers=2 retries=0
start_filed

race "$q/pending" 8 150 || fail "not one winner each"
wait_for '[ "$(counter complete)" = 150 ]' 30
assert_eq 150 "$(counter total_started)" "attempts"
for i in 0 75 149; do
	assert_eq "$(sed -n '1s/>>> echo //p' "$q/complete/race-$i")" "$(tail -n 1 "$q/complete/race-$i")" "output"
done
