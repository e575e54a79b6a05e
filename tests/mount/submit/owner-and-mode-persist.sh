# A job has the owner, group and mode of any created file; chmod, chown and moves keep them, over
# restarts, too. So have the directories.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0
start_filed

umask 027
submit .a "echo a"
umask 077
: >"$q/pending/b"
umask 022
(umask 0 && : >"$q/pending/c")
me=$(id -u):$(id -g)
assert_eq "640 600 666" "$(stat -c %a "$q/pending/.a" "$q/pending/b" "$q/pending/c" | xargs)" "modes"
assert_eq "$me" "$(stat -c %u:%g "$q/pending/.a")" "owner"
chmod 1751 "$q/pending/.a"
mv "$q/pending/.a" "$q/pending/a"
wait_in complete a
assert_eq 1751 "$(stat -c %a "$q/complete/a")" "mode"
chmod 444 "$q/complete/a"
chmod 1730 "$q/failed"
restart_filed
assert_eq "444 $me" "$(stat -c '%a %u:%g' "$q/complete/a")" "mode and owner"
assert_eq 1730 "$(stat -c %a "$q/failed")" "mode of failed"
assert_eq 755 "$(stat -c %a "$q/pending")" "mode of pending"
if [ "$(id -u)" = 0 ]; then
	chown 12345:54321 "$q/complete/a" "$q/pending/b"
	chown 12:34 "$q/failed"
	restart_filed
	assert_eq 12345:54321 "$(stat -c %u:%g "$q/complete/a")" "owner"
	assert_eq 12:34 "$(stat -c %u:%g "$q/failed")" "owner of failed"
	# It runs as its owner now.
	echo 'id -u; id -g' >>"$q/pending/b"
	wait_in complete b
	assert_file "$q/complete/b" '>>> id -u; id -g\n12345\n54321\n'
fi
