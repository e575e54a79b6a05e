# rm and mv of a job that filed has claimed and the launcher has not started yet: it never starts, and rm does not wait
# for the launcher, which stands still here.
. "${0%/*}/../../lib/test.sh"
mkdir "$tmp/ran"
chmod 777 "$tmp/ran"

# try NAME [OPTION…]
try() {
	echo "--- $1"
	shift
	start_filed "$@"
	launcher=$(process filed-launcher)
	kill -STOP "$launcher"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		submit "rm$i" ">$tmp/ran/rm$i"
		submit "mv$i" ">$tmp/ran/mv$i"
	done
	wait_for '[ "$(ls "$q/active" | wc -l)" = 20 ]'
	rm "$q"/active/rm*
	mv "$q"/active/mv* "$q/failed"
	submit other "echo other"
	kill -CONT "$launcher"
	wait_in complete other
	wait_for '[ "$(counter total_killed)" = 20 ]'
	submit last "echo last"
	wait_in complete last
	assert_eq "" "$(ls "$tmp/ran")" "what has started"
	grep -q '^\[System Error\]: stopped by mv to failed$' "$q/failed/mv1" || fail "the log does not tell"
	stop_filed
	rm -f "$state"*
}

config workers=21 retries=0
try plain
config workers=21 retries=0 '[sandbox]' ro=/ rw="$tmp/ran"
try "in a sandbox"
if [ "$(id -u)" = 0 ]; then
	mkdir "$tmp/state"
	state=$tmp/state/filed.db
	config workers=21 retries=0 '[daemon]' user=nobody
	try "as one user"
fi
