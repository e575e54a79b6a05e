# If a user has as many processes as [limits] grants, the next job waits. That costs it no attempt, and it runs when
# another has ended.
. "${0%/*}/../lib/test.sh"
needs root
config workers=8 retries=0 '[limits]' processes=1
start_filed
chmod 1777 "$q/pending"
somebody=$((100000 + $$)) # a user without other processes
mkfifo -m 666 "$tmp/go"
chmod 755 "$tmp"

# Nothing in it forks.
i=0
while [ $i -lt 4 ]; do
	printf 'read line <%s; echo $FILED_ATTEMPT' "$tmp/go" |
		as_user "$somebody:$somebody" sh -c 'cat >"$1"' - "$q/pending/$i"
	i=$((i + 1))
done
wait_for 'grep -q "^filed: job .*: cannot start now: exec .*: \(Resource temporarily\|Try again\)" "$log"'
assert "some run" [ "$(counter active)" -gt 0 ]
assert_eq 0 "$(counter failed)" "failed"
# Jobs of other users run.
submit other "echo other"
wait_in complete other

(trap '' PIPE; while :; do echo go >"$tmp/go" || :; done) 2>/dev/null &
sender=$!
wait_for '[ "$(counter complete)" = 5 ]' 30
kill "$sender"
for i in 0 1 2 3; do assert_eq 1 "$(tail -n 1 "$q/complete/$i")" "attempt of $i"; done
