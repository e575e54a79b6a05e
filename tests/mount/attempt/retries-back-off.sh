# A failed attempt is tried again `retries` times, each due later by backoff_factor up to backoff_max;
# the due time is the mtime. FILED_ATTEMPT counts.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=3 backoff=1h backoff_factor=3 backoff_max=5h
start_filed

# waits_for SECONDS: x is pending, and due so long after the end of its last attempt.
waits_for() {
	assert_eq pending "$(where x)" "where x is"
	read -r end <"$tmp/end"
	left=$(($(stat -c %Y "$q/pending/x") - end))
	assert "due after $1 s: $left s" [ "$left" -ge "$(($1 - 1))" ]
	assert "due after $1 s: $left s" [ "$left" -le "$(($1 + 15 * slow))" ]
	assert_eq 1 "$(counter waiting)" "waiting"
	assert_file "$q/pending/x" '%s' "$text"
}

text="echo \$FILED_ATTEMPT of \$FILED_RETRIES >>$tmp/attempts; date +%s >$tmp/end; exit 1"
submit x "$text"
attempt=1
for delay in 3600 10800 18000; do
	wait_for '[ "$(counter total_retried)" = "$attempt" ]'
	waits_for "$delay"
	attempt=$((attempt + 1))
	if [ "$attempt" = 3 ]; then # over a stop, too
		restart_filed
		waits_for "$delay"
		attempt=1
		touch "$q/pending/x"
		wait_for '[ "$(counter total_retried)" = 1 ]'
		waits_for 18000
		touch "$q/pending/x"
		break
	fi
	touch "$q/pending/x"
done
wait_in failed x
assert_file "$tmp/attempts" '1 of 3\n2 of 3\n3 of 3\n4 of 3\n'
assert_file "$q/failed/x" '>>> %s\n\n\n[System Error]: exit status 1\n' "$text"
assert_eq "1 1" "$(counter total_retried) $(counter total_failed)" "retried and failed"
