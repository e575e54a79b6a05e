# filed -backup copies the state while jobs come and run. Each copy can be served, and has every job that was
# acknowledged before the backup began. It also copies a state that no filed serves.
# limit: 400
. "${0%/*}/../../lib/test.sh"
needs fuse
config workers=1 retries=0 keep_complete=0
start_filed
copy=$tmp/copy
q2=$tmp/q2
mkdir "$q2"

# load WRITER: submits jobs, and notes each that was acknowledged.
load() {
	i=0
	while [ ! -e "$tmp/enough" ]; do
		id=w$1-$i
		printf 'echo %s; head -c 3000 /dev/zero' "$id" >"$q/pending/$id" && echo "$id" >>"$tmp/receipts-$1"
		i=$((i + 1))
	done
}

# serve_copy: mounts the copy at $q2, where its jobs do not run.
serve_copy() {
	config workers=0
	filed -c "$conf" -state "$copy" "$q2" 2>"$tmp/log2" &
	second=$!
	wait_for '[ -e "$q2/status" ] || ! running "$second"' 20
	running "$second" || fail "the copy is not served: $(cat "$tmp/log2")"
}

stop_copy() {
	kill "$second"
	wait_gone "$second" 30
	second_status=0
	wait "$second" || second_status=$?
	assert_eq 0 "$second_status" "status of the filed that serves the copy"
	rm -f "$copy" "$copy-wal"
}

for writer in 1 2; do
	: >"$tmp/receipts-$writer"
	load $writer &
	eval "load_$writer=$!"
done
for backup in 1 2 3 4 5 6; do
	wait_for '[ "$(cat "$tmp"/receipts-* | wc -l)" -gt $((backup * 20)) ]' 30
	cat "$tmp"/receipts-* >"$tmp/before"
	filed -backup "$copy" -state "$state" 2>"$tmp/said" || fail "backup $backup: $(cat "$tmp/said")"
	assert_eq "" "$(cat "$tmp/said")" "what it says"
	assert_eq 600 "$(stat -c %a "$copy")" "its mode"
	serve_copy
	while read -r id; do
		[ -e "$q2/pending/$id" ] || [ -e "$q2/complete/$id" ] || [ -e "$q2/active/$id" ] ||
			fail "backup $backup: $id is not in the copy, of $(wc -l <"$tmp/before")"
	done <"$tmp/before"
	stop_copy
done
: >"$tmp/enough"
# shellcheck disable=SC2154
wait "$load_1" "$load_2"
assert_eq "" "$(find "$tmp" -maxdepth 1 -name 'copy*')" "what the backups have left"

config workers=0
submit last "echo last"
for way in stopped killed; do
	if [ $way = stopped ]; then stop_filed; else kill9; fi
	filed -backup "$copy" -c "$conf" -state "$state"
	serve_copy
	assert_file "$q2/pending/last" 'echo last'
	stop_copy
	start_filed
done

# What is no backup.
! filed -backup "$tmp" -state "$state" 2>"$tmp/said" || fail "a directory was replaced"
grep -q "not a regular file" "$tmp/said" || fail "it says: $(cat "$tmp/said")"
! filed -backup "$copy" -state "$tmp/nothing" 2>"$tmp/said" || fail "there is nothing to copy"
grep -q "No such file" "$tmp/said" || fail "it says: $(cat "$tmp/said")"
assert "no copy" [ ! -e "$copy" ]
