# A disk fails, or becomes read-only. Each change gets an error, and reads go on as far as the disk allows. The ends of
# attempts are kept until the disk works again. No job is lost or runs twice.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/faults.sh"
needs fuse file python3
config workers=2 retries=0

# refused WORDS: what close says of a job, and that it is not there.
refused() {
	if echo "echo refused" | call put "$q/pending/refused" >"$tmp/said"; then fail "it was accepted"; fi
	grep -q -E "^close: ($1)" "$tmp/said" || fail "it says: $(cat "$tmp/said")"
	assert_eq "" "$(where refused)" "where the refused job is"
}

# A text A with a receipt, then B that the disk refuses.
cat >"$tmp/two.py" <<'EOF2'
import os, sys, time
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o644)
os.write(file, b"echo A\n")
os.fsync(file)
print("receipt", flush=True)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.05)
os.write(file, b"echo B\n")
try:
    os.close(file)
    print("closed", flush=True)
except OSError as error:
    print("close:", error.strerror, flush=True)
EOF2

for error in 5 30; do
	case $error in
	5) words='Input/output error|I/O error' ;;
	30) words='Read-only file system' ;;
	esac
	start_filed
	submit .kept "echo kept"
	submit running "echo \$FILED_ATTEMPT >>$tmp/runs; until [ -e $tmp/go ]; do sleep 0.1; done
		echo ends; echo >$tmp/ended"
	wait_for '[ -s "$tmp/runs" ]'

	python3 "$tmp/two.py" "$q/pending/two" "$tmp/go-on" >"$tmp/two" &
	writer=$!
	wait_for 'grep -q receipt "$tmp/two"'

	disk $error
	refused "$words"
	: >"$tmp/go-on"
	wait "$writer"
	grep -q -E "^close: ($words)" "$tmp/two" || fail "the second writer says: $(cat "$tmp/two")"
	! mv "$q/pending/.kept" "$q/pending/kept" 2>"$tmp/said" || fail "mv says nothing"
	grep -q -E "$words" "$tmp/said" || fail "mv says: $(cat "$tmp/said")"
	! rm "$q/pending/.kept" 2>"$tmp/said" || fail "rm says nothing"
	grep -q -E "$words" "$tmp/said" || fail "rm says: $(cat "$tmp/said")"
	assert_file "$q/pending/.kept" 'echo kept'
	counter pending >/dev/null
	grep -q -E "^filed: $state: ($words)" "$log" || fail "the log does not say it"
	: >"$tmp/go"
	wait_for '[ -e "$tmp/ended" ]'
	assert "it is seen as active" [ -e "$q/active/running" ]

	disk ok
	wait_in complete running
	assert_eq ends "$(tail -n 1 "$q/complete/running")" "its output"
	mv "$q/pending/.kept" "$q/pending/kept"
	wait_in complete kept
	submit accepted "echo accepted"
	wait_in complete accepted
	restart_filed
	assert_file "$q/pending/two" 'echo A\n'
	submit later "echo later"
	wait_in complete later
	assert_eq pending "$(where two)" "where the job is whose writer got an error"
	rm "$q/pending/two" "$q/complete/later" "$tmp/go-on" "$tmp/two"
	assert_file "$tmp/runs" '1\n'
	assert_eq "accepted kept running" "$(echo "$q"/*/[a-z]* | xargs -n 1 basename | sort | xargs)" "all jobs"
	rm "$q"/complete/* "$tmp/runs" "$tmp/go" "$tmp/ended"
	stop_filed
done

# A read that fails is told, to the caller and by the log.
start_filed
{
	echo "exit 0"
	head -c 900000 /dev/zero | tr '\0' x
} >"$q/pending/.large"
restart_filed
disk 5 reads
! cat "$q/pending/.large" >"$tmp/read" 2>"$tmp/said" || fail "cat says nothing"
grep -q -E 'Input/output error|I/O error' "$tmp/said" || fail "cat says: $(cat "$tmp/said")"
grep -q -E "^filed: $state: cannot read: (Input/output error|I/O error)" "$log" || fail "the log does not say it"
disk ok
wait_for 'cat "$q/pending/.large" >"$tmp/read"'
stop_filed

# When nothing can be read, a start says so.
disk 5 reads
status=0
timeout 80 filed -c "$conf" -state "$state" "$q" 2>"$tmp/said" || status=$?
assert_eq 1 "$status" "status"
assert_eq 1 "$(grep -c . "$tmp/said")" "lines of: $(cat "$tmp/said")"
grep -q "^filed: $state: " "$tmp/said" || fail "it says: $(cat "$tmp/said")"
