# A watcher that reads no events does not hold the queue up.
# limit: 120
. "${0%/*}/../../lib/test.sh"
needs inotifywait
config workers=2
start_filed
inotifywait -q -m -o "$tmp/events" "$q/pending" "$q/active" "$q/failed" "$q/complete" 2>"$tmp/watcher" &
watcher=$!
wait_for 'touch "$q/pending/.probe" && rm "$q/pending/.probe" && [ -s "$tmp/events" ]'
kill -STOP "$watcher"
i=0
while [ $i -lt 300 ]; do
	printf ':' >"$q/pending/$i"
	i=$((i + 1))
done
wait_for '[ "$(counter complete)" = 300 ]' 60
kill -CONT "$watcher"
kill "$watcher"
