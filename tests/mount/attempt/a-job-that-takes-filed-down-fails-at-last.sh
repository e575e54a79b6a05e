# A job that kills filed runs again after each crash, as the same attempt, until `interruptions` is reached. Then it
# fails. Stops by SIGTERM do not count.
. "${0%/*}/../../lib/test.sh"
needs getfattr
config workers=1 retries=0 interruptions=3 stop_grace=0 kill_grace=0
start_filed

# attribute DIR/ID NAME
attribute() { getfattr --only-values -n "user.filed.$2" "$q/$1" 2>/dev/null || :; }

# wait_for_run ATTEMPT INTERRUPTIONS: until the job has started and been told so.
wait_for_run() {
	runs=$((runs + 1)) told="$1 $2"
	wait_for '[ "$(sed -n "$runs p" "$tmp/runs")" = "$told" ]'
}
runs=0
: >"$tmp/runs"

# Its parent is the launcher, and the launcher's parent is filed.
submit poison "echo \$FILED_ATTEMPT \$FILED_INTERRUPTED >>$tmp/runs
until [ -e $tmp/go ]; do sleep 0.05; done
read -r _ _ _ filed _ </proc/\$PPID/stat
kill -9 \$filed; sleep 1000"
wait_for_run 1 0
for stop in 1 2; do
	restart_filed
	wait_for_run 1 0
	assert_eq "" "$(attribute active/poison interrupted)" "interruptions after stop $stop"
done

for crash in 1 2 3; do
	: >"$tmp/go"
	reap
	wait_for '[ ! -e "$q/status" ]' 20
	rm "$tmp/go"
	start_filed
	[ "$crash" = 3 ] && break
	wait_for_run 1 "$crash"
	assert_eq "$crash" "$(attribute active/poison interrupted)" "interruptions"
done
cause="interrupted 3 times: filed was killed or the machine stopped"
assert_eq failed "$(where poison)" "where it is"
assert_eq "3 1 $cause" \
	"$(attribute failed/poison interrupted) $(attribute failed/poison attempt) $(attribute failed/poison last_error)" \
	"interrupted, attempt and last_error"
assert_eq "[System Error]: $cause" "$(tail -n 1 "$q/failed/poison")" "the end of its log"
assert_eq $runs "$(grep -c . "$tmp/runs")" "starts"

# It can be run again, and is told of no interruption then.
mv "$q/failed/poison" "$q/pending"
wait_for_run 1 0
