# workers = 0 pauses: what runs goes on, nothing new starts. Another number lets it run on.
. "${0%/*}/../../lib/test.sh"
config workers=2
start_filed

submit a "until [ -e $tmp/go ]; do sleep 0.05; done"
wait_in active a
echo "workers = 0" >"$q/config.ini"
submit b true
submit c true
: >"$tmp/go"
wait_in complete a
restart_filed
assert_eq "pending pending" "$(where b) $(where c)" "where b and c are"
assert_eq "0 2 0" "$(counter workers) $(counter pending) $(counter total_started)" "workers, pending, started"
: >"$q/config.ini"
wait_in complete b
wait_in complete c

# As many run at once as there are workers.
rm "$tmp/go"
echo "workers = 3" >"$q/config.ini"
for i in 1 2 3 4 5; do submit "n$i" "until [ -e $tmp/go ]; do sleep 0.05; done"; done
wait_for '[ "$(counter active)" = 3 ]'
assert_eq "3 2" "$(counter active) $(counter pending)" "active and pending"
assert_eq 3 "$(ls "$q/active" | grep -c .)" "ls active"
: >"$tmp/go"
wait_for '[ "$(counter complete)" = 8 ]'
