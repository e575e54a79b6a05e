# root's filed serves as a user that no job may run as: the one that serve_as names, or filed-serve, or a fixed number.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"
needs python3

refused() { # WORDS SETTING...
	words=$1
	shift
	config '[daemon]' "$@"
	! filed -check -c "$conf" "$q" >"$tmp/said" 2>&1 || fail "$* is no error"
	grep -q -- "$words" "$tmp/said" || fail "$*: $(cat "$tmp/said")"
}
served_by() { awk '/^Uid:/ { print $3 }' "/proc/$filed_pid/status"; }

refused 'no such user' serve_as=filed-no-such-user
refused 'may not be root' serve_as=root
refused 'jobs run as this user' serve_as="$alice" user="$alice"
refused 'no job may run as this user' user=65529
config '[daemon]' serve_as="$carol"
! as_user "$bob" filed -check -c "$conf" "$q" 2>"$tmp/said" || fail "an ordinary user becomes another"
grep -q 'only root can' "$tmp/said" || fail "it says: $(cat "$tmp/said")"
if unshare -r true 2>/dev/null; then
	! unshare -r filed -check "$q" 2>"$tmp/said" || fail "a user that is not mapped is no error"
	grep -q '65529: this container does not map it' "$tmp/said" || fail "it says: $(cat "$tmp/said")"
	! unshare -r filed -check -c "$conf" "$q" 2>"$tmp/said" || fail "a user that is not mapped is no error"
fi

serving=$(id -u filed-serve 2>/dev/null || echo 65529)
config workers=1 retries=0 '[mount]' mode=1777
start_filed
assert_eq "$serving" "$(served_by)" "the user"
[ "$serving" != 65529 ] || grep -q 'serving as user 65529, because there is no user filed-serve' "$log" || fail "not said"

# refuses_jobs_of UID
refuses_jobs_of() {
	assert_fails EPERM as_user "$1:$1" sh -c 'echo true >"$1"' - "$q/pending/mine"
	grep -q "mine: refused: user $1 may own no job" "$log" || fail "the log says nothing of user $1"
	echo true >"$q/pending/.given"
	assert_fails EPERM chown "$1" "$q/pending/.given"
	assert_eq 0 "$(stat -c %u "$q/pending/.given")" "its owner"
	rm "$q/pending/.given"
	assert_eq '' "$(where mine)" "the refused job"
}
refuses_jobs_of "$serving"
echo true >"$q/pending/.kept"
stop_filed

# Jobs that are in the state all the same do not run: of the user that serves, and of the number.
config workers=1 retries=0 '[mount]' mode=1777 '[daemon]' serve_as="$carol"
for id in 65529 "$(id -u "$carol")"; do
	chown 0:0 "$state"*
	python3 -c '
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE jobs SET uid = ? WHERE id = ?", (int(sys.argv[2]), b".kept"))
db.commit()' "$state" "$id"
	start_filed
	assert_eq "$(id -u "$carol")" "$(served_by)" "the user"
	refuses_jobs_of "$(id -u "$carol")"
	refuses_jobs_of 65529
	assert_eq "$id" "$(stat -c %u "$q/pending/.kept")" "its owner"
	echo 'id -u' >"$q/pending/.kept"
	mv "$q/pending/.kept" "$q/pending/kept"
	wait_in failed kept
	grep -q 'could not start: its owner is the user that filed serves as' "$q/failed/kept" ||
		fail "$(cat "$q/failed/kept")"
	rm "$q/failed/kept"
	echo true >"$q/pending/.kept"
	stop_filed
done
