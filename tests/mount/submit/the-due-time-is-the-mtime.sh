# A job runs when its mtime has come: touch schedules it, and pulls it forward.
. "${0%/*}/../../lib/test.sh"
config workers=1
start_filed

submit .x "echo x"
touch -d '2035-01-01 00:00:00' "$q/pending/.x"
mv "$q/pending/.x" "$q/pending/x"
submit y "echo y"
wait_in complete y
assert_eq pending "$(where x)" "where x is"
assert_eq "1 1 0" "$(counter pending) $(counter waiting) $(counter drafts)" "pending, waiting, drafts"
restart_filed
submit z "echo z"
wait_in complete z
assert_eq pending "$(where x)" "where x is"
assert_eq "$(date -d '2035-01-01 00:00:00' +%s)" "$(stat -c %Y "$q/pending/x")" "mtime of x"

# Beyond what nanoseconds can count, it is as far away as they can.
submit .far "echo far"
touch -d '3000-01-01 00:00:00' "$q/pending/.far"
mv "$q/pending/.far" "$q/pending/far"
submit y2 "echo y2"
wait_in complete y2
assert_eq "pending 2262" "$(where far) $(date -u -d "@$(stat -c %Y "$q/pending/far")" +%Y)" "far, and its year"

# In two seconds by the wall clock, and not before.
due=$(($(date +%s) + 2))
touch -d "@$due" "$q/pending/x"
wait_in complete x
call times "$q/complete/x" >"$tmp/times"
read -r started _ <"$tmp/times"
assert "it started when it was due: $started, due $due" [ "$started" -ge "${due}000000000" ]

# touch -r, cp -p and other clients that set times set the place in line.
echo "echo w" >"$tmp/w"
touch -d '2035-01-01 00:00:00' "$tmp/w"
cp -p "$tmp/w" "$q/pending/.w" # a draft, for busybox's cp sets the times after its close
mv "$q/pending/.w" "$q/pending/w"
submit v true
wait_in complete v
assert_eq pending "$(where w)" "where w is"
touch "$q/pending/w"
wait_in complete w
