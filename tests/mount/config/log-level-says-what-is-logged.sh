# log_level: info has a line for each change of state, debug also one for each turn that starts jobs, warning
# neither.
. "${0%/*}/../../lib/test.sh"
config workers=3 '[daemon]' log_level=debug
start_filed

submit x "echo x"
wait_in complete x
wait_for 'grep -q "^filed: job x: attempt 1 of owner .*, complete" "$log"'
grep -q "^filed: claimed 1 job, 3 of 3 workers were free" "$log" || fail "no line for the claim"

config workers=3 '[daemon]' log_level=info
restart_filed
: >"$log"
submit y "echo y"
wait_in complete y
wait_for 'grep -q "^filed: job y: attempt 1 of owner .*, complete" "$log"'
assert "a claim is not told" [ "$(grep -c "^filed: claimed" "$log")" = 0 ]

config workers=3 '[daemon]' log_level=warning
restart_filed
: >"$log"
submit z "echo z"
wait_in complete z
assert_file "$log" ''
