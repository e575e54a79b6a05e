# inotify tells of each move at both directories, in order and with one cookie, no matter whether filed or a user has
# moved the job. 500 jobs: no event is missing, and none comes twice.
# limit: 300
. "${0%/*}/../../lib/test.sh"
needs inotifywait python3
config workers=2 retries=1 backoff=10ms keep_failed=0
start_filed

inotifywait -q -m -e move -e delete -e create --format '%w %e %c %f' -o "$tmp/events" \
	"$q/pending" "$q/active" "$q/failed" "$q/complete" 2>"$tmp/watcher" &
watcher=$!
wait_for_watches "$watcher" 4

i=0
while [ $i -lt 500 ]; do
	case $i in
	*7) text='exit 1' ;;
	*) text="echo $i" ;;
	esac
	printf '%s' "$text" >"$q/pending/$i"
	i=$((i + 1))
done
wait_for '[ "$(counter complete)" = 450 ] && [ "$(counter failed)" = 50 ]' 120
# The events of the last jobs may come a moment later.
wait_for '[ "$(grep -c "/complete/ MOVED_TO" "$tmp/events")" = 450 ]' 60
wait_for '[ "$(grep -c "/failed/ MOVED_TO" "$tmp/events")" = 50 ]' 60

# A user's own moves, and expiry.
mv "$q/failed/7" "$q/pending/.held"
rm "$q/complete/1"
echo 'keep_complete = 1ms' >"$q/config.ini"
wait_for '[ "$(counter complete)" = 0 ]' 60
wait_for '[ "$(grep -c "/complete/ DELETE" "$tmp/events")" = 450 ]' 60
kill "$watcher"

cat >"$tmp/check.py" <<'EOF'
import sys, collections
where, cookies, seen = {}, {}, collections.Counter()
for line in open(sys.argv[1]):
    place, event, cookie, name = line.rstrip("\n").split(" ", 3)
    place = place.rstrip("/").rsplit("/", 1)[1]
    if event == "CREATE":
        assert name not in where, line
        where[name] = place
    elif event == "MOVED_FROM":
        assert where.pop(name) == place, line
        cookies[cookie] = name
    elif event == "MOVED_TO":
        assert cookies.pop(cookie) in (name, "7"), line
        where[name] = place
    elif event == "DELETE":
        assert where.pop(name) == place, line
    seen[place, event] += 1
assert not cookies, cookies
# A start that a busy machine has put off is one more move to active/ and back.
put_off = open(sys.argv[2]).read().count(": cannot start now: ")
assert seen["pending", "MOVED_FROM"] == 550 + put_off, seen  # 500 first attempts and 50 second ones
assert seen["active", "MOVED_TO"] == seen["active", "MOVED_FROM"] == 550 + put_off, seen
assert seen["pending", "MOVED_TO"] == 51 + put_off, seen  # retries, and mv
assert seen["failed", "MOVED_TO"] == 50 and seen["failed", "MOVED_FROM"] == 1, seen
assert seen["complete", "MOVED_TO"] == seen["complete", "DELETE"] == 450, seen
EOF
python3 "$tmp/check.py" "$tmp/events" "$log" || fail "the events are not what they should be"
if grep -q "lag behind" "$log"; then fail "events were left out"; fi
