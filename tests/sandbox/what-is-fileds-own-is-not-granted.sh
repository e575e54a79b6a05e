# A grant to write to a directory with the state or the mount stops the start. A grant to read it gives a warning.
. "${0%/*}/../lib/test.sh"
mkdir "$tmp/state"
state=$tmp/state/filed.db

for grant in "$tmp" "$tmp/state"; do
	status=0
	filed -state "$state" -rw "$grant" "$q" 2>"$tmp/said" || status=$?
	assert_eq 1 "$status" "status with -rw $grant"
	assert_eq "filed: sandbox: $state lies in $grant, which jobs may write" "$(cat "$tmp/said")" "what it says"
done
assert_eq '' "$(mounts_below "$tmp")" "mounts left behind"

start_filed -ro "$tmp/state" -ro /lib
grep -q "sandbox: $state lies in $tmp/state, which jobs may read" "$log"
