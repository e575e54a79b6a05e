# A real systemd starts, reloads, revives and stops filed by its unit; under it no job gets a right, root's aside.
# limit: 300
#
# That systemd is process 1 of namespaces of its own, with copies of /etc and /var and with no other
# units than filed's and the targets that these name.
. "${0%/*}/../lib/test.sh"
needs root fuse unshare nsenter systemctl setpriv

systemd=/lib/systemd/systemd
[ -x $systemd ] || systemd=/usr/lib/systemd/systemd
[ -x $systemd ] || skip "systemd is not here"
unshare -m true 2>/dev/null || skip "no namespaces for mounts here"

# It gets control groups of its own, so that it finds and touches no others.
groups=
leave() {
	status=$?
	set +e
	[ -z "${init-}" ] || kill -KILL "$init" 2>/dev/null
	# Each wait is in a subshell, because it ends the shell when it was in vain.
	if [ "${box_pid-}" ]; then
		(wait_for '! running "$box_pid"' 5) || kill -KILL "$box_pid"
	fi
	for group in $groups; do
		(wait_for '[ ! -s "$group/cgroup.procs" ]' 5)
		find "$group" -depth -type d -exec rmdir {} +
	done
	(exit "$status")
	cleanup
}
trap leave EXIT
for dir in /sys/fs/cgroup/systemd /sys/fs/cgroup/devices /sys/fs/cgroup; do
	[ -w "$dir/cgroup.procs" ] || continue
	[ "$dir" != /sys/fs/cgroup ] || [ ! "$groups" ] || continue
	mkdir "$dir/filed-test.$$" 2>/dev/null && groups="$groups $dir/filed-test.$$"
done
case $groups in
*/devices/*) [ -w /sys/fs/cgroup/systemd ] || skip "systemd has no control group here" ;;
'') skip "no control groups can be made here" ;;
esac

make -s -C "$top" -o all out="$out" DESTDIR="$tmp/root" PREFIX=/usr init=systemd install >"$tmp/install" 2>&1 ||
	fail "make install: $(cat "$tmp/install")"
units=$tmp/root/usr/lib/systemd/system
sed -i "s|/usr/bin/filed|$out/filed|" "$units"/filed*.service
for target in basic sysinit shutdown local-fs remote-fs network nss-user-lookup multi-user; do
	printf '[Unit]\nDefaultDependencies=no\n' >"$units/$target.target"
done
for unit in filed filed@; do
	mkdir "$units/$unit.service.d"
	printf '[Service]\nStandardError=append:%s\n' "$log" >"$units/$unit.service.d/log.conf"
done

cat >"$tmp/boot" <<'END'
set -e
mkdir "$tmp/box"
mount -t tmpfs -o mode=755 none "$tmp/box"
for dir in etc var; do
	mkdir "$tmp/box/$dir" "$tmp/box/$dir.work"
	mount -t overlay -o "lowerdir=/$dir,upperdir=$tmp/box/$dir,workdir=$tmp/box/$dir.work" none /$dir
done
mount -t tmpfs -o mode=755 none /run
systemd-sysusers "$top/systemd/filed.sysusers"
systemd-tmpfiles --create "$top/systemd/filed.tmpfiles"
mkdir -p /etc/filed
cp "$tmp/root/etc/filed/filed.conf" /etc/filed
echo 0123456789abcdef0123456789abcdef >/etc/machine-id
case $groups in
*/systemd/*)
	mount -t tmpfs -o mode=755 none /sys/fs/cgroup
	mkdir /sys/fs/cgroup/systemd /sys/fs/cgroup/devices
	mount -t cgroup -o none,name=systemd none /sys/fs/cgroup/systemd
	mount -t cgroup -o devices none /sys/fs/cgroup/devices || rmdir /sys/fs/cgroup/devices
	;;
*) mount -t cgroup2 none /sys/fs/cgroup ;;
esac
export container=test SYSTEMD_UNIT_PATH="$units"
exec $systemd --system --unit=multi-user.target --log-target=null --show-status=no
END
export tmp top units groups systemd
(
	for group in $groups; do sh -c 'echo $PPID >"$1/cgroup.procs"' - "$group"; done
	exec unshare -m -p -n -u -i -C -f --kill-child --mount-proc sh "$tmp/boot" >"$tmp/console" 2>&1
) &
box_pid=$!
# The subshell above has other children before it becomes unshare.
wait_for '{ [ "$(cat "/proc/$box_pid/comm")" = unshare ] && init=$(pgrep -P "$box_pid"); } || ! running "$box_pid"'
# in_box COMMAND…: bounded, because a systemd that hangs or has died answers nothing.
in_box() { timeout -k 5 60 nsenter -t "$init" -a "$@"; }
wait_for '[ "$(in_box systemctl is-system-running 2>/dev/null)" = running ] || ! running "$box_pid"' 20
running "$box_pid" || skip "systemd does not boot in a box here: $(tail -n 1 "$tmp/console")"
q=/proc/$init/root/var/spool/filed
etc=/proc/$init/root/etc/filed

main() { in_box systemctl show -p MainPID --value "${1:-filed}"; }
in_force() { in_box sh -c 'awk "/^CapEff:/ { print \$2 }" "/proc/$(pgrep -x "$1")/status"' - "$1"; }
none=0000000000000000

# --- as it is installed
in_box systemctl start filed || fail "start"
assert "start returns when the queue is mounted" [ -e "$q/status" ]
member=$(in_box awk -F: '$1 == "filed" { print $3 }' /etc/group)
in_box setpriv --reuid 1234 --regid 1234 --groups "$member" \
	sh -c 'echo "id -un; grep -E \"^Cap(Prm|Eff|Bnd)\" /proc/self/status" >/var/spool/filed/pending/1'
wait_in complete 1
assert_eq "filed $none $none $none" "$(sed 1d "$q/complete/1" | awk '{ print $NF }' | xargs)" "a job"

before=$(main)
printf '\n[queue]\nretries = 7\nstop_grace = 1s\n' >>"$etc/filed.conf"
in_box systemctl reload filed || fail "reload"
wait_for 'grep -q "^retries *= *7" "$q/config.ini"'
assert_eq "$before" "$(main)" "the process after a reload"
printf 'retries = many\n' >>"$etc/filed.conf"
in_box systemctl reload filed 2>/dev/null && fail "reload of a broken configuration"
sed -i '/^retries = many/d' "$etc/filed.conf"

echo 'exec sleep 1000' >"$q/pending/long"
wait_in active long
in_box kill -KILL "$before"
wait_for '[ "$(main)" != "$before" ] && [ -e "$q/active/long" ]' 20
assert_eq 1 "$(in_box pgrep -c -f "^sleep 1000")" "runs of the job"
in_box systemctl stop filed || fail "stop"
assert_eq "" "$(in_box pgrep -a 'filed|sleep' || :)" "processes after a stop"
assert_eq "" "$(in_box grep /var/spool/filed /proc/self/mounts || :)" "mounts after a stop"

# --- each job as its owner, in a sandbox
sed -i '/^user = /d; /^group = /d; s/^mode = .*/mode = 1777/' "$etc/filed.conf"
printf '\n[sandbox]\nro = /usr\nro = /bin\nro = /lib\nro = /proc\nnetwork = none\n' >>"$etc/filed.conf"
in_box chown -R 0:0 /var/lib/filed
in_box systemctl start filed || fail "start as root"
wait_for '[ -e "$q/status" ]'
in_box setpriv --reuid 1234 --regid 1234 --clear-groups \
	sh -c 'echo "id -u; grep -E \"^Cap(Prm|Eff|Bnd)\" /proc/self/status" >/var/spool/filed/pending/2'
wait_in complete 2
assert_eq "1234 $none $none $none" "$(sed 1d "$q/complete/2" | awk '{ print $NF }' | xargs)" "a user's job"
# As the manual has it: what the unit leaves must be enough for each process. (Some machines lack a few.)
held=$(awk '/^CapBnd:/ { print $2 }' /proc/self/status)
assert_eq "0000000000000020 $(printf %016x $((0x1a801e4 & 0x$held))) 000000000020000a" \
	"$(for name in filed filed-launcher filed-notifier; do in_force $name; done | xargs)" "capabilities in force"
in_box systemctl stop filed || fail "stop"

# --- one more queue
sed 's|/var/spool/filed|/var/spool/mail-jobs|; s|/var/lib/filed/filed.db|/var/lib/filed/mail.db|' \
	"$etc/filed.conf" >"$etc/mail.conf"
in_box mkdir /var/spool/mail-jobs
in_box systemctl start filed@mail || fail "start of filed@mail"
q=/proc/$init/root/var/spool/mail-jobs
wait_for '[ -e "$q/status" ]'
submit 3 'echo post'
wait_in complete 3
in_box systemctl stop filed@mail || fail "stop of filed@mail"
printf '[queue]\nretries = many\n' >"$etc/mail.conf"
: >"$log"
in_box systemctl start filed@mail 2>/dev/null && fail "it starts with a broken configuration"
grep -q 'mail.conf:2: retries: ' "$log" || fail "the log does not say what is wrong"
