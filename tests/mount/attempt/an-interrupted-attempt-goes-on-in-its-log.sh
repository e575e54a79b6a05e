# What an attempt printed before a stop or a crash of filed stays in its log. A line with cause and time follows, and
# then what it prints when it starts again.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0 stop_grace=0 kill_grace=0
start_filed

time='[0-9]*-[0-9]*-[0-9]*T[0-9]*:[0-9]*:[0-9]*\.[0-9]*Z'
crash="interrupted: filed was killed or the machine stopped"
text="echo >>$tmp/runs; echo run \$(grep -c '' $tmp/runs), attempt \$FILED_ATTEMPT.\$FILED_INTERRUPTED
[ -e $tmp/go ] || sleep 1000"

# wait_for_output NUMBER: until it has run so often, and what it printed is stored.
wait_for_output() {
	runs=$1
	wait_for 'grep -q "^run $runs," "$q/active/job"'
	wait_for 'cat "$state" "$state-wal" | grep -q -a "^run $runs,"'
}

submit job "$text"
wait_for_output 1
restart_filed
wait_for_output 2
kill9
start_filed
wait_for_output 3
# shellcheck disable=SC2059
parts=$(printf '%s\n%s\n\n\n%s\n%s\n\n\n%s\n%s\n.' ">>> $text" \
	"run 1, attempt 1.0" "[System Error]: stopped with filed, TIME" \
	"run 2, attempt 1.0" "[System Error]: $crash, TIME" \
	"run 3, attempt 1.1")
sed "s/$time/TIME/" "$q/active/job" >"$tmp/shown"
assert_file "$tmp/shown" '%s' "${parts%.}"

# A cancel says what was.
kill9
config workers=0
start_filed
mv "$q/pending/job" "$q/failed"
sed "s/$time/TIME/" "$q/failed/job" >"$tmp/shown"
assert_file "$tmp/shown" '%s\n\n%s\n\n\n%s\n' "${parts%.}" "[System Error]: $crash, TIME" \
	"[System Error]: cancelled by mv to failed, last attempt: $crash"

# When it is run again, that is another attempt, with a log of its own.
: >"$tmp/go"
config workers=1
restart_filed
mv "$q/failed/job" "$q/pending"
wait_in complete job
assert_file "$q/complete/job" '%s\n%s\n' ">>> $text" "run 4, attempt 1.0"
