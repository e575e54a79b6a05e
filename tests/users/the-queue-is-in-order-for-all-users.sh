# alone
# Jobs run by due time, then in order of submission, no matter how many a user has submitted. A user with one job
# waits for jobs that were there before, and for none that came later.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"

config workers=0 retries=0 '[mount]' mode=1777
start_filed
as_user "$alice" sh -c 'i=100; while [ $i -lt 200 ]; do printf true >"$1/a$i"; i=$((i + 1)); done' - "$q/pending"
by "$bob" b true
as_user "$alice" sh -c 'i=200; while [ $i -lt 300 ]; do printf true >"$1/a$i"; i=$((i + 1)); done' - "$q/pending"
# A job that is due first runs first, no matter when it was submitted. A job that is due later delays no other.
by "$carol" .first true
as_user "$carol" touch -d @1000000000 "$q/pending/.first"
as_user "$carol" mv "$q/pending/.first" "$q/pending/first"
by "$carol" .late true
as_user "$carol" touch -d @4000000000 "$q/pending/.late"
as_user "$carol" mv "$q/pending/.late" "$q/pending/late"
echo 'workers = 1' >"$q/config.ini"
wait_for '[ "$(counter complete)" = 202 ]' 60
order=$(sed -n 's/.*job \([^ ]*\): attempt 1 of 1 starts.*/\1/p' "$log")
{
	echo first
	seq -f 'a%g' 100 199
	echo b
	seq -f 'a%g' 200 299
} >"$tmp/wanted"
assert_eq "$(xargs <"$tmp/wanted")" "$(echo "$order" | xargs)" "order of starts"
assert_eq pending "$(where late)" "the one that is due later is in"
