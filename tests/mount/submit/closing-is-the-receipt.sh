# When close has returned 0, the job is on disk: it is there after a kill -9, to the byte. So it is after
# fsync. What was not closed, synced or renamed never was a job.
. "${0%/*}/../../lib/test.sh"
config workers=0
start_filed

i=0
while [ $i -lt 30 ]; do
	submit "closed-$i" "echo $i"
	i=$((i + 1))
done
printf 'echo synced' | dd of="$q/pending/synced" conv=fsync 2>/dev/null
call hold "$q/pending/open" 'echo not yet' >"$tmp/held" &
holders=$!
call hold "$q/pending/nothing" '' >"$tmp/held2" &
holders="$holders $!"
wait_for '[ -s "$tmp/held" ] && [ -s "$tmp/held2" ]'
assert_file "$q/pending/open" 'echo not yet'
kill9
# shellcheck disable=SC2086
kill $holders
start_filed
i=0
while [ $i -lt 30 ]; do
	assert_file "$q/pending/closed-$i" "echo $i"
	i=$((i + 1))
done
assert_file "$q/pending/synced" 'echo synced'
assert_eq "" "$(where open)$(where nothing)" "what was never acknowledged"
