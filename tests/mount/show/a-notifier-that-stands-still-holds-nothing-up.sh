# filed does not wait for its notifier, the process that repeats moves for watchers. While it stands still, jobs run,
# more of them than fit into its socket. Afterwards watchers are told of each move.
# limit: 300
. "${0%/*}/../../lib/test.sh"
needs inotifywait
config workers=0
start_filed
notifier=$(process filed-notifier)
i=0
while [ $i -lt 400 ]; do
	printf ':' >"$q/pending/$i"
	i=$((i + 1))
done
inotifywait -q -m -e moved_to --format %f "$q/complete" >"$tmp/events" 2>/dev/null &
watcher=$!
wait_for_watches "$watcher" 1

kill -STOP "$notifier"
echo 'workers = 2' >"$q/config.ini"
# Not read from the mount, which would hang if filed did.
wait_for '[ "$(grep -c "took .* complete" "$log")" = 400 ]' 90
kill -CONT "$notifier"
wait_for '[ "$(sort -u "$tmp/events" | wc -l)" = 400 ]' 60
kill "$watcher"
