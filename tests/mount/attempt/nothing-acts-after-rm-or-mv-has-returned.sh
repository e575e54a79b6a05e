# After rm or mv of an active job has returned, its processes do nothing more; also if the job removes or moves
# itself, and if the launcher stands still: then filed kills the job itself. The same after a stop of filed. Without
# cgroups filed waits for the launcher: then rm and mv give up after a second with EBUSY, and the job goes on.
# `make late-effects` is the long form: rounds=N jobs of each kind, and stops=N, in each of three ways.
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

# stand_still: the launcher stands still while a job is removed, one moved, and one removed that has not started.
stand_still() {
	acts "stand$i"
	acts "still$i"
	kill -STOP "$(process filed-launcher)"
	submit "never$i" "echo late >$tmp/alive/never$i"
	wait_in active "never$i"
	rm "$q/active/stand$i"
	quiet "stand$i"
	mv "$q/active/still$i" "$q/failed"
	quiet "still$i"
	rm "$q/active/never$i"
	kill -CONT "$(process filed-launcher)"
	changes=$((changes + 3))
}
# remove_themselves: one job removes itself, one moves itself.
remove_themselves() {
	submit "self$i" "rm $q/active/self$i; echo late >$tmp/alive/self$i"
	submit "move$i" "mv $q/active/move$i $q/failed/move$i; echo late >$tmp/alive/move$i"
	wait_for '[ ! "$(where "self'$i'")" ] && [ "$(where "move'$i'")" = failed ]'
	changes=$((changes + 2))
}

# try NAME [OPTION…]
changes=0
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
		changes=$((changes + 2))
		[ -e "$tmp/alive/early$i" ] || early="$early early$i" changes=$((changes + 1))
		[ "$(counter containment)" = marks ] || stand_still
		[ "$self" = no ] || remove_themselves
		rm -f "$q"/failed/* "$q"/complete/*
		for id in rm mv stand still; do rm -f "$tmp/alive/$id$i"; done
	done
	for id in $early; do [ ! -e "$tmp/alive/$id" ] || late="$late $id"; done
	for file in "$tmp"/alive/self* "$tmp"/alive/move* "$tmp"/alive/never*; do
		[ ! -e "$file" ] || late="$late ${file##*/}"
	done
	assert_eq "" "$late" "what has acted late"

	i=0
	while [ $i -lt "$stops" ]; do
		i=$((i + 1))
		acts "stop$i"
		: >"$tmp/alive/begin$i"
		chmod 666 "$tmp/alive/begin$i"
		submit "begin$i" "$write" # at any moment of its start
		stop_filed
		quiet "stop$i"
		quiet "begin$i"
		start_filed "$@"
		for id in "stop$i" "begin$i"; do
			while dir=$(where "$id") && [ "$dir" ]; do rm -f "$q/$dir/$id"; done
			rm "$tmp/alive/$id"
		done
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

ways=2
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
	ways=3
fi
echo "$changes removals and mvs, and $((stops * ways)) stops: nothing has acted late"
