# An interpreter under a lease makes an exec wait. Twelve jobs with such interpreters hold up neither another job nor
# a kill; also in a sandbox, and where all jobs run as one user.
# limit: 300
. "${0%/*}/../../lib/test.sh"
leases=
end_leases() {
	[ ! "$leases" ] || kill -KILL "$leases"
	leases=
}
trap 'status=$?; set +e; end_leases; (exit "$status"); cleanup' EXIT

# try NAME [OPTION…]
try() { # at most 3 s from the start of a job to the end of its lease, or the job fails
	name=$1
	shift
	start_filed "$@"
	submit victim "echo \$\$ >$tmp/run/victim; exec sleep 1000"
	wait_for '[ -s "$tmp/run/victim" ]'
	: >"$tmp/held"
	lease 60000 "$tmp"/slow.* >"$tmp/held" &
	leases=$!
	wait_for '[ -s "$tmp/held" ]'
	for slow_job in "$tmp"/slow.*; do submit "${slow_job##*/}" "#!$slow_job"; done
	wait_for '[ "$(ls "$q/active" | wc -l)" = 13 ]'
	submit other "echo other"
	wait_in complete other
	pid=$(cat "$tmp/run/victim")
	rm "$q/active/victim" "$tmp/run/victim"
	wait_for '! kill -0 "$pid" 2>/dev/null'
	assert_eq 12 "$(ls "$q/active" | wc -l)" "$name: starts that hang"
	end_leases
	wait_for '[ "$(ls "$q/complete" | wc -l)" = 13 ]'
	stop_filed
	rm "$state"
}

mkdir "$tmp/run"
chmod 777 "$tmp/run"
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do cp /bin/true "$tmp/slow.$i"; done
config workers=20 retries=0
try plain
config workers=20 retries=0 '[sandbox]' ro=/ rw="$tmp/run"
try "in a sandbox"
if [ "$(id -u)" = 0 ]; then
	config workers=20 retries=0 '[daemon]' user=nobody
	mkdir "$tmp/state"
	state=$tmp/state/filed.db
	try "as one user"
fi
