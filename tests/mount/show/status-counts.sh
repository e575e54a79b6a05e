# status has one `key value` a line: version, uptime, workers, pause, what there is and what was done.
. "${0%/*}/../../lib/test.sh"
config workers=2 retries=1 backoff=1ms
start_filed

assert "each line is KEY VALUE" sh -c '! grep -q -v -E "^[a-z_]+ [^ ]+\$" "$1"' - "$q/status"
assert_eq "filed $(counter version)" "$(filed -version)" "version"
assert_eq "2 no 0 0 0 0 0 0" \
	"$(for key in workers pause pending waiting drafts active failed complete; do counter $key; done | xargs)" \
	"at first"

submit good true
submit bad false
wait_in complete good
wait_in failed bad
submit a1 "sleep 1000"
submit a2 "sleep 1000"
wait_in active a1
wait_in active a2
submit p1 true
submit .d1 true
: >"$q/pending/empty"
touch -d '2035-01-01 00:00:00' "$q/complete/good"
mv "$q/complete/good" "$q/pending/later"
rm "$q/active/a1" # p1 runs
wait_in complete p1
assert_eq "3 1 2 1 1 1" "$(for key in pending waiting drafts active failed complete; do counter $key; done | xargs)" \
	"pending waiting drafts active failed complete"
assert_eq "6 2 1 1 1" "$(for key in started succeeded retried failed killed; do counter total_$key; done | xargs)" \
	"started succeeded retried failed killed"
assert "uptime is in seconds" [ "$(counter uptime)" -le 60 ]

# df -i: as many inodes in use as there are jobs.
assert_eq 6 "$(stat -f -c '%c %d' "$q" | awk '{ print $1 - $2 }')" "inodes in use"
assert_eq 255 "$(stat -f -c %l "$q")" "longest name"
df "$q" >/dev/null
restart_filed
assert_eq "1 1" "$(counter complete) $(counter failed)" "complete and failed"
assert_eq 0 "$(counter total_failed)" "failed since the start"
