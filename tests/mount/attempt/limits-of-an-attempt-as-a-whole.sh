# [limits] memory and processes hold for an attempt as a whole where the controllers of cgroups can be had. Elsewhere
# the log says why not, in one line.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0
start_filed
assert_eq 0 "$(grep -c "do not hold for attempts as a whole" "$log")" "lines of the log without limits"
stop_filed

config workers=1 retries=0 '[limits]' memory=256M processes=200
start_filed
submit a "echo fine"
wait_in complete a
if grep -q "do not hold for attempts as a whole" "$log"; then
	assert_eq 1 "$(grep -c '^filed: \[limits\] memory and processes do not hold for attempts as a whole: .' "$log")" \
		"lines of the log with limits"
	exit 0
fi
# Four processes of 100 MB each.
submit b "for i in 1 2 3 4; do (head -c 100000000 /dev/zero | tail -c 100000000 | sleep 5) & done; wait"
wait_in failed b 60
assert_eq "[System Error]: out of memory" "$(tail -n 1 "$q/failed/b")" "the cause"
submit c "grep 'pids\|0::' /proc/self/cgroup"
wait_in complete c
