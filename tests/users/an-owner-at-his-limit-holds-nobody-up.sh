# Some jobs cannot start, because their owner has as many processes as [limits] grants, or because their interpreter
# is open for writing. They leave the workers to later jobs of other users.
. "${0%/*}/../lib/test.sh"
needs root fuse
config workers=2 retries=1 backoff=1ms '[mount]' mode=1777 '[limits]' processes=3
start_filed
one=$((100000 + $$)) other=$((200000 + $$)) # users without other processes

by() { # UID ID TEXT
	as_user "$1:$1" sh -c 'printf %s "$2" >"$1"' - "$q/pending/$2" "$3"
}

for _ in 1 2 3 4; do
	as_user "$one:$one" sleep 60 &
	sleepers="${sleepers-} $!"
done
wait_for '[ "$(find /proc -maxdepth 1 -user "$one" 2>/dev/null | wc -l)" = 4 ]'
for id in a1 a2 a3; do by "$one" $id 'echo $FILED_ATTEMPT'; done
wait_for 'grep -q "job a2: cannot start now" "$log"'
by "$other" b1 "echo b1"
wait_in complete b1
assert_eq "1 0" "$(counter complete) $(counter failed)" "ended"
# shellcheck disable=SC2086
kill $sleepers
for id in a1 a2 a3; do
	wait_in complete $id
	assert_eq 1 "$(tail -n 1 "$q/complete/$id")" "attempt of $id"
done

cp /bin/true "$tmp/busy"
exec 9>>"$tmp/busy"
for id in c1 c2 c3; do by "$one" $id "#!$tmp/busy"; done
by "$other" b2 "echo b2"
wait_in complete b2
for id in c1 c2 c3; do
	wait_in failed $id
	tail -n 1 "$q/failed/$id" | grep -q 'could not start: exec .*busy: Text file busy' ||
		fail "it says: $(tail -n 1 "$q/failed/$id")"
done
exec 9>&-
