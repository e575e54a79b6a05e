# Of starts at the same time on one directory exactly one serves, with the same or with another state file. The others
# end with status 1 and one line. Nothing is mounted twice, and nothing is left mounted.
# limit: 300
. "${0%/*}/../../lib/test.sh"
needs fuse

# start N STATE: a filed in the background, on the same directory.
start() {
	filed -state "$2" "$q" 2>"$tmp/said.$1" &
	pids="$pids $!"
}

# mounts: how many lie on the directory.
mounts() {
	awk -v dir="$q" '$2 == dir' /proc/self/mounts | wc -l
}

# serving: the process ids of those that run.
serving() {
	for pid in $pids; do
		if running "$pid"; then echo "$pid"; fi
	done
}

# one_lives: the others have ended, and it is ready.
one_lives() {
	[ "$(serving | wc -l)" = 1 ] && grep -q "ready: " "$tmp"/said.*
}

for state_files in same other same other same other; do
	pids=
	for n in 1 2 3 4 5; do
		if [ $state_files = same ]; then start $n "$state"; else start $n "$tmp/$n.db"; fi
	done
	wait_for 'one_lives || [ -z "$(serving)" ]' 20
	assert_eq 1 "$(mounts)" "mounts ($state_files state file)"
	winner=$(serving)
	assert_eq 1 "$(grep -l 'ready: ' "$tmp"/said.* | wc -l)" "those that are ready"
	for pid in $pids; do
		[ "$pid" != "$winner" ] || continue
		status=0
		wait "$pid" || status=$?
		assert_eq 1 "$status" "status of one that lost"
	done
	for said in "$tmp"/said.*; do
		! grep -q "ready: " "$said" || continue
		assert_eq 1 "$(wc -l <"$said")" "lines of: $(cat "$said")"
		grep -q -E '^filed: .*(in use|locked)' "$said" || fail "it says: $(cat "$said")"
	done
	submit x "echo x"
	wait_in complete x
	rm "$q/complete/x"
	kill "$winner"
	wait "$winner" || fail "the one that served ended with status $?"
	assert_eq 0 "$(mounts)" "mounts after the stop"
done
