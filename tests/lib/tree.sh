# A job with processes of every kind: children, a child that has left the session, and orphans in it and out of it.
# Sourced after test.sh.
# shellcheck shell=sh disable=SC2154

# Its stderr is dropped, because its shell may write "Terminated" there when a child is killed.
cat >"$tmp/tree" <<'EOF'
cd "$1"
exec 2>/dev/null
note='echo $$ >>pids; exec sleep 1000'
trap 'echo still here' TERM
echo $$ >>pids
sh -c "$note" &
setsid sh -c "$note" &
(sh -c "$note" &)
(setsid sh -c "$note" &)
(setsid sh -c "(sh -c '$note' &); $note" &)
echo started
while :; do wait; sleep 1; done
EOF
tree_job="exec sh $tmp/tree $tmp" # it is the main process itself
kTree=7 # processes, without the sleep of the loop at its end

# Waits until all of the job's processes run.
wait_for_tree() {
	wait_for '[ -e "$tmp/pids" ] && [ "$(grep -c . "$tmp/pids")" = "$kTree" ]' 30
}

# Prints the processes that still run.
living() {
	while read -r pid; do
		if running "$pid"; then echo "$pid"; fi
	done <"$tmp/pids"
}

# The launcher: the parent of the job's main process, which leads the session of most.
launcher_pid() {
	first=$(head -n 1 "$tmp/pids")
	leader=$(sed 's/.*) //' "/proc/$first/stat" | cut -d ' ' -f 4)
	sed 's/.*) //' "/proc/$leader/stat" | cut -d ' ' -f 2
}

# Waits until all of the tree is dead.
assert_tree_dies() {
	wait_for '[ -z "$(living)" ]'
	rm "$tmp/pids"
}
