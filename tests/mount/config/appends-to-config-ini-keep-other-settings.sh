# A line that is appended to config.ini changes its key and no other. The last line that sets a key counts.
. "${0%/*}/../../lib/test.sh"
config workers=2 backoff=7s
start_filed

# shows KEY VALUE
shows() {
	grep -q -E "^$1 += $2 +;" "$q/config.ini" || fail "expected $1 = $2, got: $(grep "^$1 " "$q/config.ini")"
}
echo 'retries = 5' >"$q/config.ini"
echo 'timeout = 2h' >>"$q/config.ini"
shows retries 5
shows timeout 2h
shows backoff 7s
printf 'retries = 6\n; a comment\n[queue]\nretries = 8\nbackoff = 9s' >>"$q/config.ini"
shows retries 8
shows backoff 9s
shows timeout 2h
echo 'backoff = 7s' | tee -a "$q/config.ini" >/dev/null # as in the file
shows backoff 7s
grep -q '^backoff .*set here' "$q/config.ini" && fail "backoff is the file's, and shown as set here"
restart_filed
shows retries 8
shows timeout 2h

# Two that have it open at once.
{
	echo 'retries = 4' >>"$q/config.ini"
	echo 'timeout = 3h' >&3
} 3>>"$q/config.ini"
shows retries 4
shows timeout 3h
# A descriptor applies what it appends at each close of a copy, and no line twice.
{
	sh -c 'echo "retries = 1"' >&3
	shows retries 1
	echo 'retries = 2' >>"$q/config.ini"
	sh -c 'echo "timeout = 4h"' >&3
} 3>>"$q/config.ini"
shows retries 2
shows timeout 4h
# A whole text: what it leaves out falls back, though it was appended in two steps.
{
	sh -c 'echo "retries = 1"'
	sh -c 'echo "backoff = 8s"'
} >"$q/config.ini"
shows retries 1
shows backoff 8s
shows timeout 0

# The log has each changed key with both values, by whatever it was changed.
logged() { grep -q -x "filed: $1" "$log" || fail "the log lacks: $1"; }
logged 'config.ini: retries = 5 (was 3)'
logged 'config.ini: timeout = 2h (was 0)'
logged 'config.ini: timeout = 0 (was 4h)'
lines=$(grep -c 'config.ini:' "$log" || true)
echo 'retries = 1' >>"$q/config.ini"
assert_eq "$lines" "$(grep -c 'config.ini:' "$log" || true)" "lines about a write that changes nothing"
config workers=4 retries=9 '[limits]' files=100 '[env]' SECRET=xyzzy '[hooks]' on_failure=true
kill -HUP "$filed_pid"
wait_for 'grep -q "configuration read again" "$log"'
logged 'configuration: workers = 4 (was 2)'
logged 'configuration: \[limits\] files = 100 (was not set)'
logged 'configuration: \[hooks\] on_failure = true (was not set)'
logged 'configuration: \[env\] has changed'
if grep -q -e xyzzy -e 'configuration: retries' "$log"; then fail "the log tells too much: $(cat "$log")"; fi
