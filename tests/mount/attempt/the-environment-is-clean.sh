# A job's environment is what filed promises, and nothing of the daemon's own.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=2 '[env]' COLOUR=red 'SPACED=two words' LANG=C
export STRAY=1 LD_LIBRARY_PATH=/nowhere HOME=/nowhere IFS_TEST=x
start_filed

submit job "tr '\\0' '\\n' </proc/\$\$/environ | sort"
wait_in complete job
{
	echo COLOUR=red
	echo FILED_ATTEMPT=1
	echo FILED_ID=job
	echo FILED_INTERRUPTED=0
	echo "FILED_MOUNT=$q"
	echo FILED_RETRIES=2
	awk -F: -v uid="$(id -u)" '$3 == uid { print "HOME=" $6; exit }' /etc/passwd
	echo LANG=C
	echo "LOGNAME=$(id -un)"
	echo PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	echo SHELL=/bin/sh
	echo "SPACED=two words"
	echo "USER=$(id -un)"
} >"$tmp/expected-env"
# FILED_RUN marks the job's processes for the daemon.
sed 1d "$q/complete/job" | grep -v '^FILED_RUN=' >"$tmp/env"
diff "$tmp/expected-env" "$tmp/env" || fail "the environment is another"

# [env] may replace what would be set, and is read again by SIGHUP.
config workers=1 '[env]' PATH=/bin:/usr/bin HOME=/tmp
kill -HUP "$filed_pid"
wait_for 'grep -q "configuration read again" "$log"'
submit job2 'echo "$PATH $HOME ${COLOUR-none}"; pwd'
wait_in complete job2
assert_file "$q/complete/job2" '>>> echo "$PATH $HOME ${COLOUR-none}"; pwd\n/bin:/usr/bin /tmp none\n/tmp\n'
