# getfattr shows what is known of a job beyond its file. The attributes are read only.
. "${0%/*}/../../lib/test.sh"
needs getfattr setfattr
config retries=1 backoff=1h
start_filed

# attributes DIR/ID: their names, sorted, without the prefix.
attributes() { getfattr -d "$q/$1" 2>/dev/null | sed -n 's/^user\.filed\.\([a-z_]*\)=.*/\1/p' | sort | tr '\n' ' '; }
# attribute DIR/ID NAME
attribute() { getfattr --only-values -n "user.filed.$2" "$q/$1" 2>/dev/null; }

submit .draft 'true'
assert_eq "attempt retries state submitted " "$(attributes pending/.draft)" "of a draft"
assert_eq "pending 0 1" \
	"$(attribute pending/.draft state) $(attribute pending/.draft attempt) $(attribute pending/.draft retries)" \
	"values of a draft"

submit good 'exit 0'
wait_in complete good
assert_eq "attempt cpu_ms duration_ms exit finished maxrss_kb retries started state submitted " \
	"$(attributes complete/good)" "of a success"
assert_eq "complete 1 0" \
	"$(attribute complete/good state) $(attribute complete/good attempt) $(attribute complete/good exit)" \
	"values of a success"
assert "maxrss_kb is a number above 0" [ "$(attribute complete/good maxrss_kb)" -gt 0 ]
started=$(attribute complete/good started)
assert_eq "$(date -u +%Y-%m-%d)" "${started%T*}" "the day on which it started"

submit bad 'kill -9 $$'
wait_for '[ "$(counter total_retried)" = 1 ]'
assert_eq "pending 1 killed signal: killed" \
	"$(attribute pending/bad state) $(attribute pending/bad attempt) $(attribute pending/bad signal) $(
		attribute pending/bad last_error)" \
	"of a job that waits for its retry"

submit long 'exec sleep 1000'
wait_in active long
wait_for '[ "$(attribute active/long pid)" ]'
pid=$(attribute active/long pid)
assert_eq sleep "$(cat "/proc/$pid/comm")" "what pid names"
assert_eq "attempt pid retries started state submitted " "$(attributes active/long)" "of an active job"
echo 'retries = 5' >"$q/config.ini"
assert_eq "1 5" "$(attribute active/long retries) $(attribute complete/good retries)" \
	"retries, of the running attempt and of one that would start now"

if setfattr -n user.filed.state -v complete "$q/active/long" 2>"$tmp/said"; then fail "attributes can be set"; fi
if setfattr -x user.filed.state "$q/active/long" 2>"$tmp/said"; then fail "attributes can be removed"; fi
