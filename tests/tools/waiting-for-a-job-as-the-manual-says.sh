# The commands that filed(5) gives to wait for a job, with inotifywait and without it, end when the job has
# ended, be it well, badly, after a retry, or before anybody waits.
. "${0%/*}/../lib/test.sh"
needs inotifywait
config workers=2 retries=1 backoff=300ms
start_filed

# Each block of the page that begins with an until.
awk -v dir="$tmp" '
	/^```/ { inside = !inside; first = inside; next }
	first { first = 0; name = /^until / ? dir "/wait" ++n : "" }
	inside && name { print > name }
	END { exit n != 2 }' "$top/man/filed.5.scd" || fail "filed(5) has not two ways to wait"
grep -q inotifywait "$tmp/wait1" || fail "the first way is not the one with inotifywait"

# There, it is the events that count, and not the limits.
sed 's/-t 60/-t 600/; s/sleep 1/sleep 0.1/' "$tmp/wait1" >"$tmp/events"
sed 's/sleep 1/sleep 0.1/' "$tmp/wait2" >"$tmp/polling"
cd "$q"
for way in events polling; do
	for text in 'sleep 0.3' 'sleep 0.3; exit 1' 'sleep 0.3; [ $FILED_ATTEMPT = 2 ]' ':'; do
		submit 7 "$text"
		[ "$text" != : ] || wait_in complete 7
		timeout 120 sh "$tmp/$way" 2>"$tmp/said" || fail "waited in vain for '$text': $(cat "$tmp/said")"
		case $(where 7) in
		complete) rm complete/7 ;;
		failed) rm failed/7 ;;
		*) fail "not ended: $(where 7)" ;;
		esac
	done
done
