# pause = yes: nothing starts, what runs goes on. That and going on change no other setting, and survive a restart.
. "${0%/*}/../../lib/test.sh"
config workers=2 backoff=1ms
start_filed

echo 'retries = 7' >"$q/config.ini"
submit a "until [ -e $tmp/go ]; do sleep 0.05; done"
wait_in active a
echo 'pause = yes' >>"$q/config.ini"
assert_eq yes "$(counter pause)" "pause in status"
grep -q '^filed: config.ini: pause = yes (was no)$' "$log" || fail "the log does not tell of the pause"
submit b true
submit c "test \$FILED_ATTEMPT = 3"

# The drain of the manual waits for the end of a.
sh -c 'cd "$1" && until grep -qx "active 0" status; do sleep 0.1; done; echo drained' - "$q" >"$tmp/drained" &
drain=$!
assert_eq "pending pending active" "$(where b) $(where c) $(where a)" "where b, c and a are"
assert "the drain waits" running "$drain"
: >"$tmp/go"
wait "$drain"
assert_eq "complete pending pending" "$(where a) $(where b) $(where c)" "where a, b and c are"
restart_filed
assert_eq "yes 1" "$(counter pause) $(grep -c '^retries *= 7 .*; set here' "$q/config.ini")" "pause and retries"
assert_eq "0 2" "$(counter total_started) $(counter pending)" "started and pending"

echo 'pause = no' >>"$q/config.ini"
wait_in complete b
wait_in complete c
assert_eq "no 1" "$(counter pause) $(grep -c '^retries *= 7 .*; set here' "$q/config.ini")" "pause and retries"
