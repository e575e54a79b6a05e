# While filed serves, its state file, the log beside it, or their directory is moved away, replaced or removed. From
# then on nothing is acknowledged, the log says why, and the status of the stop is 1. Put back, all goes on.
. "${0%/*}/../lib/test.sh"
needs fuse
place=$tmp/place
# So that the user that serves can look whether the file that comes is the one that went.
mkdir -m 711 "$place"
chmod 711 "$tmp"
state=$place/filed.db
config workers=1 retries=0

# refused WORDS: a submission and an rm get EIO, and the log has these words.
refused() {
	words=$1
	wait_for 'grep -q "$words" "$log"' 10
	printf 'echo x' 2>/dev/null >"$q/pending/refused" || :
	assert_eq "" "$(where refused)" "where the refused job is"
	! rm "$q/pending/.kept" 2>"$tmp/said" || fail "rm says nothing"
	grep -q -E 'Input/output error|I/O error' "$tmp/said" || fail "rm says: $(cat "$tmp/said")"
	assert_file "$q/pending/.kept" 'echo kept'
	assert_eq 1 "$(grep -c "$words.*nothing is stored any more" "$log")" "lines"
}

works() {
	wait_for 'grep -q "in its place again" "$log"' 10
	submit works "echo works"
	wait_in complete works
	rm "$q/complete/works"
	: >"$log"
}

start_filed
submit .kept "echo kept"
for file in filed.db filed.db-wal; do
	mv "$place/$file" "$place/away"
	refused "$file: was removed"
	mv "$place/away" "$place/$file"
	works
	mv "$place/$file" "$place/away"
	cp "$place/away" "$place/$file"
	chmod 600 "$place/$file"
	refused "$file: was replaced"
	mv "$place/away" "$place/$file"
	works
done
mv "$place" "$place.away"
refused "place: was moved"
mv "$place.away" "$place"
works

rm "$place/filed.db-wal"
kill "$filed_pid"
wait_gone "$filed_pid" 30
reap
assert_eq 1 "$ended" "status"
grep -q "filed.db-wal: was removed" "$log" || fail "the log does not say it"
! grep -q "filed: stopped" "$log" || fail "it says that all is well"
