# After rm or mv of an active job has returned, its processes do nothing more; also if the job removes or moves
# itself. The same after a stop of filed. If the launcher stands still, filed kills the job itself. It cannot
# without cgroups: then rm and mv give up after a second with EBUSY, and the job goes on. `make late-effects` is the
# long form: rounds=N jobs of each kind, and stops=N.
# limit: 3600
. "${0%/*}/../../lib/test.sh"
rounds=${rounds:-4} stops=${stops:-2}
mkdir "$tmp/alive"
chmod 777 "$tmp/alive"
chmod 755 "$tmp"
# Two processes, which write as fast as they can.
write="while :; do echo >>$tmp/alive/\$FILED_ID; done"

# acts ID: the job writes without end, from two processes. Wait until it does.
acts() {
	submit "$1" "trap '' TERM; ($write) & $write"
	wait_for '[ -s "$tmp/alive/'"$1"'" ]'
}
# quiet ID: nothing is written any more. A signal that was sent takes effect at the next return to user mode, so a
# write that has begun may still end: look twice.
quiet() {
	sleep 0.01
	size=$(wc -c <"$tmp/alive/$1")
	sleep 0.05
	[ "$size" = "$(wc -c <"$tmp/alive/$1")" ] || late="$late $1"
}

# try NAME [OPTION…]
try() {
	echo "--- $1"
	shift
	late='' early=''
	start_filed "$@"
	i=0
	while [ $i -lt "$rounds" ]; do
		i=$((i + 1))
		acts "rm$i"
		rm "$q/active/rm$i"
		quiet "rm$i"
		acts "mv$i"
		mv "$q/active/mv$i" "$q/failed"
		quiet "mv$i"
		# At any moment of its start.
		submit "early$i" "sleep 0.0$((i % 10)); echo late >$tmp/alive/early$i"
		until rm "$q/active/early$i" 2>/dev/null || [ -e "$q/complete/early$i" ]; do :; done
		[ -e "$tmp/alive/early$i" ] || early="$early early$i"
		[ "$self" = yes ] || continue
		submit "self$i" "rm $q/active/self$i; echo late >$tmp/alive/self$i"
		submit "move$i" "mv $q/active/move$i $q/failed/move$i; echo late >$tmp/alive/move$i"
		wait_for '[ ! "$(where "self'$i'")" ] && [ "$(where "move'$i'")" = failed ]'
	done
	for id in $early; do [ ! -e "$tmp/alive/$id" ] || late="$late $id"; done
	for file in "$tmp"/alive/self* "$tmp"/alive/move*; do [ ! -e "$file" ] || late="$late ${file##*/}"; done
	assert_eq "" "$late" "what has acted late"

	i=0
	while [ $i -lt "$stops" ]; do
		i=$((i + 1))
		acts "stop$i"
		stop_filed
		quiet "stop$i"
		start_filed "$@"
		rm "$q"/*/"stop$i" "$tmp/alive/stop$i"
	done
	assert_eq "" "$late" "what has acted after a stop"

	acts kept
	if [ "$(counter containment)" = cgroup ]; then
		acts moved
		kill -STOP "$(process filed-launcher)"
		rm "$q/active/kept"
		quiet kept
		mv "$q/active/moved" "$q/failed"
		quiet moved
		assert_eq "" "$late" "what has acted although the launcher stands still"
		kill -CONT "$(process filed-launcher)"
		submit kept "echo other"
		wait_in complete kept
		assert_eq "" "$late" "what has acted late"
		stop_filed
		rm -rf "$tmp/alive"/* "$state"*
		return
	fi
	kill -STOP "$(process filed-launcher)"
	assert_fails EBUSY rm "$q/active/kept"
	assert_fails EBUSY mv "$q/active/kept" "$q/failed"
	assert_eq active "$(where kept)" "the job that could not be removed"
	size=$(wc -c <"$tmp/alive/kept")
	kill -CONT "$(process filed-launcher)"
	submit other "echo other"
	wait_in complete other
	wait_for '[ "$(wc -c <"$tmp/alive/kept")" -gt '"$size"' ]'
	assert_eq active "$(where kept)" "a kill that was given up is not carried out"
	rm "$q/active/kept"
	quiet kept
	assert_eq "" "$late" "what has acted late"
	stop_filed
	rm -rf "$tmp/alive"/* "$state"*
}

config workers=4 retries=0 stop_grace=0 kill_grace=0
self=yes
try plain
self=no # in a sandbox a job does not reach the queue
config workers=4 retries=0 stop_grace=0 kill_grace=0 '[sandbox]' ro=/ rw="$tmp/alive"
try "in a sandbox"
if [ "$(id -u)" = 0 ]; then
	mkdir "$tmp/state"
	state=$tmp/state/filed.db
	config workers=4 retries=0 stop_grace=0 kill_grace=0 '[daemon]' user=nobody
	try "as one user"
fi
