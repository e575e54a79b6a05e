# On a full disk each rm works, in any number and at once: after a stop, after a crash, while another program takes
# all that becomes free, and if filed itself has filled the disk. Nothing else is lost, and when there is room again
# jobs are accepted.
# limit: 300
. "${0%/*}/../lib/test.sh"
needs root
mkdir "$tmp/small"

# fill JOBS: submits up to so many jobs. Prints how many were accepted.
fill() {
	accepted=0
	while [ $accepted -lt "$1" ] && { printf 'echo %s%0200d' $accepted 0 >"$q/pending/j$accepted"; } 2>/dev/null; do
		accepted=$((accepted + 1))
	done
	# The shell does not see an error of close.
	find "$q/pending" -type f | wc -l
}

# fill_disk: takes all that is left, without an end.
fill_disk() {
	cat /dev/zero >"$tmp/small/others" 2>/dev/null || :
	while :; do
		cat /dev/zero >>"$tmp/small/others" 2>/dev/null || :
		sleep 0.01
	done
}

remove_all() {
	rm "$q/complete/j-long" || fail "the job with a long log is still there"
	find "$q/pending" -type f -name 'j*' -print0 | xargs -0 -P 8 -n "$1" rm 2>"$tmp/said" ||
		fail "$(grep -c . "$tmp/said") of the rm failed: $(head -n 3 "$tmp/said")"
	assert_eq "" "$(find "$q/pending" -name 'j*')" "what is left"
}

for way in stopped killed running itself; do
	echo "$way"
	mount -t tmpfs -o size=8m tmpfs "$tmp/small" || skip "no tmpfs here"
	state=$tmp/small/filed.db
	config workers=1 retries=0 output_limit=8M
	start_filed
	submit j-long "head -c 2000000 /dev/zero"
	wait_in complete j-long
	echo "workers = 0" >"$q/config.ini"
	submit kept "echo kept"
	jobs=400
	[ $way != itself ] || jobs=100000
	count=$(fill $jobs)
	assert "there are jobs: $count" [ "$count" -ge 400 ]

	case $way in
	stopped) stop_filed ;;
	killed) kill9 ;;
	esac
	filler=
	if [ $way != itself ]; then
		fill_disk &
		filler=$!
		wait_for '[ "$(df -k "$tmp/small" | awk "NR == 2 { print \$4 }")" = 0 ]' 20
	fi
	case $way in
	stopped | killed) start_filed ;;
	esac
	case $way in
	stopped) remove_all 1 ;;
	*) remove_all 20 ;;
	esac
	if [ -n "$filler" ]; then
		kill "$filler"
		wait "$filler" || :
	fi
	rm -f "$tmp/small/others"
	assert_file "$q/pending/kept" 'echo kept'
	submit after "echo after"
	echo "workers = 1" >"$q/config.ini"
	wait_in complete kept
	wait_in complete after
	restart_filed
	assert_eq "after kept" "$(find "$q/complete" -type f | sed 's|.*/||' | sort | xargs)" "all jobs"
	stop_filed
	umount "$tmp/small"
done
