# tail -f active/ID, GNU's and busybox's, follows an attempt to its end and past its move, and prints all of
# it, once; also while the job waits for its next attempt, and when that has ended.
. "${0%/*}/../lib/test.sh"
needs busybox
config workers=2 retries=1 backoff=2500ms
start_filed

gate='for i in 1 2 3; do echo line $i; until [ -e GO$i ]; do sleep 0.05; done; done; echo end'
gate=$(echo "$gate" | sed "s|GO|$tmp/go|")
submit good "$gate"
submit bad "$gate; [ \$FILED_ATTEMPT = 2 ]"
wait_for '[ -s "$q/active/good" ] && [ -s "$q/active/bad" ]'
cp "$q/active/good" "$tmp/begun"
tails=
for job in good bad; do
	timeout 240 tail -c +1 -f "$q/active/$job" >"$tmp/$job.tail" 2>"$tmp/$job.tail.said" &
	tails="$tails $!"
	timeout 240 busybox tail -c +1 -f "$q/active/$job" >"$tmp/$job.busybox" 2>"$tmp/$job.busybox.said" &
	tails="$tails $!"
done
for i in 1 2 3; do
	for out in good.tail good.busybox bad.tail bad.busybox; do
		wait_for 'grep -q "^line $i" "$tmp/$out"'
	done
	: >"$tmp/go$i"
done
wait_in complete good
{
	echo ">>> $gate"
	printf 'line %d\n' 1 2 3
	echo end
} >"$tmp/good.wanted"
{
	echo ">>> $gate; [ \$FILED_ATTEMPT = 2 ]"
	printf 'line %d\n' 1 2 3
	printf 'end\n\n\n[System Error]: exit status 1\n'
} >"$tmp/bad.wanted"
for out in good.tail good.busybox bad.tail bad.busybox; do
	wait_for 'cmp -s "$tmp/${out%.*}.wanted" "$tmp/$out"'
done
assert_eq pending "$(where bad)" "where bad is"
# Other readers see the log of the present attempt.
assert_eq "$gate; [ \$FILED_ATTEMPT = 2 ]" "$(cat "$q/pending/bad")" "its text"
wait_in complete bad
assert_eq "line 3" "$(tail -n 2 "$q/complete/bad" | head -n 1)" "the second attempt's log"
for out in good.tail good.busybox bad.tail bad.busybox; do
	cmp "$tmp/${out%.*}.wanted" "$tmp/$out" || fail "$out has printed something else"
	assert_eq "" "$(cat "$tmp/$out.said")" "what $out complains of"
done
# shellcheck disable=SC2086
kill $tails
