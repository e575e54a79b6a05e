# Directories, links, devices and pipes cannot be made, and nothing outside of pending: EPERM.
. "${0%/*}/../../lib/test.sh"
config workers=0
start_filed
submit job "echo job"

for dir in . pending active failed complete; do
	assert_fails EPERM mkdir "$q/$dir/x"
	assert_fails EPERM call symlink target "$q/$dir/x"
	assert_fails EPERM call link "$q/pending/job" "$q/$dir/x"
	assert_fails EPERM call mkfifo "$q/$dir/x"
	if [ "$(id -u)" = 0 ]; then assert_fails EPERM call mknod "$q/$dir/x"; fi
	[ "$dir" = pending ] || assert_fails EPERM sh -c 'echo true | call put "$1"' - "$q/$dir/x"
done
assert_fails EPERM ln "$q/pending/job" "$q/pending/twin"
assert_fails EPERM ln -s job "$q/pending/twin"
assert_fails EPERM cp "$q/pending/job" "$q/complete/copy"
assert_eq "active complete config.ini failed new-id pending status" "$(ls "$q" | xargs)" "ls"
assert_eq job "$(ls "$q/pending")" "ls pending"
assert_eq "" "$(ls -A "$q/active" "$q/failed" "$q/complete" | grep -v :\$ | grep .)" "the others"
