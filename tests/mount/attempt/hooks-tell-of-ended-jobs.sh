# on_failure and on_complete run once for each job that has failed or is complete, four at a time. The log is their
# input, and their environment describes the job. A hook that fails is named in filed's log and changes nothing.
. "${0%/*}/../../lib/test.sh"
mkdir "$tmp/told"
cat >"$tmp/tell" <<'EOF'
#!/bin/sh
{
	echo "$FILED_ID $FILED_STATE $FILED_EXIT $FILED_ATTEMPTS $FILED_LOG"
	echo "$FILED_CAUSE"
	cat
} >"${0%/*}/told/$FILED_ID.tmp"
mv "${0%/*}/told/$FILED_ID.tmp" "${0%/*}/told/$FILED_ID"
echo "told of $FILED_ID"
exit 3
EOF
chmod 755 "$tmp/tell"
chmod 777 "$tmp/told"
config retries=1 backoff=10ms
cat >>"$conf" <<EOF
[hooks]
on_failure = $tmp/tell
on_complete = $tmp/tell
EOF
start_filed

submit good 'echo well'
submit bad 'echo ill; exit 7'
submit killed 'kill -9 $$'
wait_for '[ -e "$tmp/told/good" ] && [ -e "$tmp/told/bad" ] && [ -e "$tmp/told/killed" ]'
assert_file "$tmp/told/good" 'good complete 0 1 %s\n\n>>> echo well\nwell\n' "$q/complete/good"
assert_file "$tmp/told/bad" \
	'bad failed 7 2 %s\nexit status 7\n>>> echo ill; exit 7\nill\n\n\n[System Error]: exit status 7\n' "$q/failed/bad"
assert_eq "killed failed 137 2 $q/failed/killed" "$(head -n 1 "$tmp/told/killed")" "what the hook of killed saw"
wait_for 'grep -q "job good: on_complete: exit status 3: told of good" "$log"'
assert_eq complete "$(where good)" "where good is"

# No hook runs when a user moves a job to failed/.
rm "$tmp/told/"*
submit slow 'sleep 1000'
wait_in active slow
mv "$q/active/slow" "$q/failed/slow"
submit last 'true'
wait_for '[ -e "$tmp/told/last" ]'
assert "no hook for a job that was moved by hand" [ ! -e "$tmp/told/slow" ]
