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

# beside_hanging_starts: runs a job and kills another while twelve starts hang. Fails if they did not hang all the
# time. Either filed has waited for them, or the machine took more than 3 s, after which filed ends such a start.
beside_hanging_starts() {
	submit victim "echo \$\$ >$tmp/run/victim; exec sleep 1000"
	wait_for '[ -s "$tmp/run/victim" ]'
	: >"$tmp/held"
	lease 60000 "$tmp"/slow.* >"$tmp/held" &
	leases=$!
	wait_for '[ -s "$tmp/held" ]'
	for slow_job in "$tmp"/slow.*; do submit "${slow_job##*/}" "#!$slow_job"; done
	wait_for '[ "$(ls "$q/pending" | wc -l)" = 0 ]'
	submit other "echo other"
	wait_in complete other
	pid=$(cat "$tmp/run/victim")
	rm "$q/active/victim" "$tmp/run/victim"
	wait_for '! kill -0 "$pid" 2>/dev/null'
	hanging=$(ls "$q/active" | wc -l)
	end_leases
	wait_for '[ "$(ls "$q/active" | wc -l)" = 0 ]'
	completed=$(ls "$q/complete" | wc -l)
	rm -f "$q"/complete/* "$q"/failed/*
	[ "$hanging" = 12 ] && [ "$completed" = 13 ]
}

# try NAME [OPTION…]
try() {
	name=$1
	shift
	start_filed "$@"
	tries=0
	until beside_hanging_starts; do
		tries=$((tries + 1))
		[ $tries -lt 5 ] || fail "$name: of 12 starts $hanging hung when another job had run; $completed jobs completed"
	done
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
