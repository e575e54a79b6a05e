# SIGINT stops as SIGTERM does, a second one at once. SIGHUP reads the configuration again; a broken
# one changes nothing.
. "${0%/*}/../../lib/test.sh"
config workers=1 stop_grace=1h kill_grace=1h
start_filed

submit x "echo \$FILED_ATTEMPT >>$tmp/x; [ -e $tmp/go ] || sleep 1000"
wait_for '[ -s "$tmp/x" ]'
kill -INT "$filed_pid"
wait_for 'grep -q stopping "$log"'
: >"$tmp/go"
stop_filed INT
start_filed
wait_in complete x
assert_file "$tmp/x" '1\n1\n'
stop_filed INT

config workers=1 retries=8
start_filed
echo "retries = 9" >"$q/config.ini"
config workers=3 retries=8 backoff=5s
kill -HUP "$filed_pid"
wait_for '[ "$(counter workers)" = 3 ]'
grep -q '^retries *= 9 *; set here' "$q/config.ini" || fail "what was set here is lost"
grep -q "^backoff *= 5s *; $conf" "$q/config.ini" || fail "the new value is not there"
cp "$q/config.ini" "$tmp/before"

echo "workers = lots" >>"$conf"
kill -HUP "$filed_pid"
wait_for 'grep -q "filed.conf:5: " "$log"'
assert "settings are as they were" cmp -s "$tmp/before" "$q/config.ini"
rm "$conf"
kill -HUP "$filed_pid"
wait_for 'grep -q "filed.conf: No such file" "$log"'
assert "settings are as they were" cmp -s "$tmp/before" "$q/config.ini"
