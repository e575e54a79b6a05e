# A start kills what a crash has left of its own jobs, and no job of another filed: not if the state is a copy of the
# other's, nor if it stands at the path where the other's was.
# limit: 300
. "${0%/*}/../../lib/test.sh"
. "${0%/*}/../../lib/hidden.sh"
config workers=1 retries=0 stop_grace=0 interruptions=0
mkdir "$tmp/first" "$tmp/second"
chmod 711 "$tmp" # so that the user that serves can look there
state=$tmp/first/filed.db
start_filed
submit job "echo \$\$ >$tmp/pid; exec sleep 98765"
wait_for '[ -s "$tmp/pid" ]'
main=$(cat "$tmp/pid")
first=$filed_pid first_q=$q

# A copy, as a backup makes it. Its start finds an attempt under way, and would run the job again.
cp "$tmp"/first/* "$tmp/second"
: >"$tmp/pid"
q=$tmp/q2 state=$tmp/second/filed.db
mkdir "$q"
start_filed
wait_for '[ -s "$tmp/pid" ]'
assert "the first one's job lives" running "$main"
if [ "$(counter containment)" = cgroup ]; then
	grep -q "belongs to another filed, which runs" "$log" || fail "it is not told that the state is a copy"
fi

# Crashes of the second, at the same path as the first, which has moved.
stop_filed
mv "$tmp/first" "$tmp/moved"
mv "$tmp/second" "$tmp/first"
state=$tmp/first/filed.db
for crash in 1 2; do
	: >"$tmp/pid"
	start_filed
	wait_for '[ -s "$tmp/pid" ]'
	assert "the first one's job lives after start $crash" running "$main"
	second=$(cat "$tmp/pid")
	kill_both
	assert "the first one's job lives after crash $crash" running "$main"
done
: >"$tmp/pid"
start_filed
wait_for '[ -s "$tmp/pid" ]'
if running "$second"; then fail "what the crash has left lives"; fi
assert "the first one's job lives" running "$main"
stop_filed
# The first finds its state where it was, or it would end with status 1.
mv "$tmp/first" "$tmp/second"
mv "$tmp/moved" "$tmp/first"
filed_pid=$first q=$first_q
