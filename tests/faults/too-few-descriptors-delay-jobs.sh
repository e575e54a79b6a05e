# With too few descriptors for all of its workers, filed logs it, and starts further jobs when some have ended. The
# delay is no attempt and costs no job its retries.
. "${0%/*}/../lib/test.sh"
config workers=40 retries=0
ulimit -n 40
start_filed

: >"$tmp/started"
i=0
while [ $i -lt 25 ]; do
	submit $i "echo \$FILED_ATTEMPT >>$tmp/started; until [ -e $tmp/go ]; do sleep 0.1; done; echo $i"
	i=$((i + 1))
done
wait_for 'grep -q "^filed: job .*: cannot start now: .*: Too many open files\|No file descriptors available" "$log"'
assert "most run all the same" [ "$(grep -c . "$tmp/started")" -gt 5 ]
submit last "echo last"
: >"$tmp/go"
wait_for '[ "$(counter complete)" = 26 ]' 30
assert_eq 25 "$(grep -c '^1$' "$tmp/started")" "attempts, all of them the first"
assert_file "$q/complete/last" '>>> echo last\nlast\n'
