# alone
# The jobs of one owner run by due time, then in order of submission. An owner with one job waits for one job of each
# other owner at most, however many these have.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"

config workers=0 retries=0 '[mount]' mode=1777
start_filed
as_user "$alice" sh -c 'i=100; while [ $i -lt 200 ]; do printf true >"$1/a$i"; i=$((i + 1)); done' - "$q/pending"
by "$bob" b true
as_user "$alice" sh -c 'i=200; while [ $i -lt 300 ]; do printf true >"$1/a$i"; i=$((i + 1)); done' - "$q/pending"
# A job that is due first runs first of its owner's. A job that is due later delays no other.
by "$carol" second true
by "$carol" .first true
as_user "$carol" touch -d @1000000000 "$q/pending/.first"
as_user "$carol" mv "$q/pending/.first" "$q/pending/first"
by "$carol" .late true
as_user "$carol" touch -d @4000000000 "$q/pending/.late"
as_user "$carol" mv "$q/pending/.late" "$q/pending/late"
echo 'workers = 1' >"$q/config.ini"
wait_for '[ "$(counter complete)" = 203 ]' 60
sed -n 's/.*job \([^ ]*\): attempt 1 of 1 starts.*/\1/p' "$log" >"$tmp/order"
assert_eq "$(seq -f 'a%g' 100 299 | xargs)" "$(grep '^a' "$tmp/order" | xargs)" "the order of one owner's jobs"
assert_eq "first second" "$(grep -x -e first -e second "$tmp/order" | xargs)" "the order of another's"
assert_eq "b first" "$(head -n 3 "$tmp/order" | grep -v '^a' | sort | xargs)" "two of the first three starts"
assert_eq pending "$(where late)" "the one that is due later is in"
