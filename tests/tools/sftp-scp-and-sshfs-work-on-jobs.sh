# scp, sftp, rsync and sshfs, over a server of the SSH file transfer protocol.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/cycle.sh"
needs scp sftp
for server in /usr/lib/openssh/sftp-server /usr/lib/ssh/sftp-server /usr/libexec/openssh/sftp-server none; do
	[ ! -x "$server" ] || break
done
[ "$server" != none ] || skip "sftp-server is not here"
config workers=2 retries=0
start_filed

by_sftp() {
	echo "$*" | sftp -q -b - -D "$server" >"$tmp/sftp" 2>&1 || {
		cat "$tmp/sftp"
		return 1
	}
}
by_scp() { scp -q "$3" -D "$server" "$1" "localhost:$2"; }
scp_plain() { scp -q -D "$server" "$1" "localhost:$2"; }
scp_times() { scp -q -p -D "$server" "$1" "localhost:$2"; }

cycle sftp 'by_sftp put' 'by_sftp rename' 'by_sftp rm'
cycle sftp-p 'by_sftp put -p' 'by_sftp rename -l' 'by_sftp rm' # without posix-rename
cycle scp scp_plain 'by_sftp rename' 'by_sftp rm'
cycle scp-p scp_times 'by_sftp rename' 'by_sftp rm'
direct sftp 'by_sftp put'
direct scp scp_plain
direct scp-p scp_times
by_sftp get "$q/complete/direct-scp" "$tmp/got"
cmp "$q/complete/direct-scp" "$tmp/got"
scp -q -D "$server" "localhost:$q/complete/direct-sftp" "$tmp/got"
cmp "$q/complete/direct-sftp" "$tmp/got"
assert_nothing_else_ran

# sshfs: a filesystem over a filesystem.
command -v sshfs >/dev/null || skip "sshfs is not here; all else passed"
base=$tmp/far
mkdir "$base"
printf '#!/bin/sh\nexec %s\n' "$server" >"$tmp/ssh"
chmod 755 "$tmp/ssh"
sshfs -o ssh_command="$tmp/ssh",cache=no "localhost:$q" "$base"
cycle sshfs cp mv rm
cycle sshfs-p 'cp -p' mv rm
direct sshfs cp
assert_nothing_else_ran
assert "it lists what there is" [ "$(ls "$base/complete")" = "$(ls "$q/complete")" ]
cmp "$q/complete/direct-sshfs" "$base/complete/direct-sshfs"
umount "$base" 2>/dev/null || fusermount3 -u "$base"
