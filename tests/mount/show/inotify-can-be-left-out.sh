# With inotify = no, watchers are told only of what users do. The times of the directories are right all the same.
. "${0%/*}/../../lib/test.sh"
needs inotifywait
config workers=0 '[mount]' inotify=no
start_filed
inotifywait -q -m --format '%e %f' -o "$tmp/events" "$q/pending" "$q/complete" 2>"$tmp/watcher" &
watcher=$!
wait_for_watches "$watcher" 2
submit 1 ':'
before=$(stat -c %y "$q/complete")
assert_eq "$before" "$(stat -c %y "$q/complete")" "the time of a directory that nothing has changed"
echo 'workers = 1' >"$q/config.ini"
wait_in complete 1
assert "a job that comes changes the time of complete/" [ "$before" != "$(stat -c %y "$q/complete")" ]
submit 2 'exit 0'
wait_in complete 2
mv "$q/complete/2" "$q/complete/two"
wait_for 'grep -qx "MOVED_TO two" "$tmp/events"'
kill "$watcher"
! grep -x 'MOVED_.* [12]' "$tmp/events" | grep -vx 'MOVED_FROM 2' || fail "watchers were told of filed's own moves"
