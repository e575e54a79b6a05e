# A job starts in its owner's home, leads a session of its own, has umask 022, /dev/null for input, no
# descriptor above 2, and every signal at its default.
. "${0%/*}/../../lib/test.sh"
config workers=1
umask 077
# The daemon itself is started with odd signals and descriptors.
trap '' PIPE USR1 QUIT
exec 7<"$top/Makefile"
start_filed
exec 7<&-

home=$(awk -F: -v uid="$(id -u)" '$3 == uid { print $6; exit }' /etc/passwd)
submit job "pwd; umask; readlink /proc/\$\$/fd/0
for fd in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
	[ ! -e /proc/\$\$/fd/\$fd ] || fds=\"\$fds \$fd\"
done
echo \$fds
# pid, process group, session
awk '{ print (\$1 == \$5 && \$5 == \$6) ? \"leads\" : \"follows\" }' /proc/\$\$/stat
cat /proc/self/status
touch $tmp/made"
wait_in complete job
sed '1,/^touch/d' "$q/complete/job" | grep -v -E '^[A-Za-z_]+:' >"$tmp/got"
sed '1,/^touch/d' "$q/complete/job" | grep -E '^Sig(Blk|Ign|Cgt)' >>"$tmp/got"
assert_file "$tmp/got" \
	'%s\n0022\n/dev/null\n0 1 2\nleads\nSigBlk:\t%016d\nSigIgn:\t%016d\nSigCgt:\t%016d\n' "$home" 0 0 0
assert_eq 644 "$(stat -c %a "$tmp/made")" "mode of a file that it makes"
