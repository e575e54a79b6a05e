# A job with processes that hide: each has left the session, is an orphan and has no environment.
# Sourced after test.sh.
# shellcheck shell=sh disable=SC2154

cat >"$tmp/hide" <<'EOF'
cd "$1"
exec 2>/dev/null >/dev/null
for way in 1 2 3; do
	(env -i setsid sh -c "(env -i setsid sh -c 'echo \$\$ >>pids; exec sleep 98765' &)" &)
done
until [ "$(grep -c . pids)" = 3 ]; do sleep 0.05; done
EOF
hide="sh $tmp/hide $tmp"

# Waits until all three run.
wait_for_hidden() {
	wait_for '[ -e "$tmp/pids" ] && [ "$(grep -c . "$tmp/pids")" = 3 ]' 30
}

# How many of them live.
count_hidden() {
	lives=0
	while read -r pid; do
		if running "$pid"; then lives=$((lives + 1)); fi
	done <"$tmp/pids"
	echo "$lives"
}

assert_hidden_die() {
	wait_for '[ "$(count_hidden)" = 0 ]'
	rm "$tmp/pids"
}

# With cgroups only, because nothing else finds such processes.
needs_cgroups() {
	[ "$(counter containment)" = cgroup ] || skip "filed cannot have cgroups here"
}

# Kills filed and its launcher at once, so that neither can do anything for the other.
kill_both() {
	both="$filed_pid $(process filed-launcher)"
	# shellcheck disable=SC2086
	kill -STOP $both
	# shellcheck disable=SC2086
	kill -KILL $both
	reap
	umount -l "$q"
}
