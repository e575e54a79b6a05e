# If jobs of one owner have held all workers for a minute while jobs of others wait, status and the log tell it, once.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"
config workers=2 '[mount]' mode=1777
start_filed

for i in 1 2 3; do by "$alice" "a$i" 'sleep 1000'; done
wait_for '[ "$(counter active)" = 2 ]'
by "$bob" b true
assert_eq "" "$(counter all_workers_held_by)" "status at once"
wait_for '[ "$(counter all_workers_held_by)" = "$(id -u "$alice")" ]' 90
by "$bob" b2 true
says="owner $(id -u "$alice") has held all workers for a minute"
assert_eq 1 "$(grep -c "$says" "$log")" "lines of the log"

rm "$q/active/a1"
wait_in complete b2
wait_for '[ -z "$(counter all_workers_held_by)" ]'
assert_eq 1 "$(grep -c "$says" "$log")" "lines of the log"
