# A machine within the machine, for tests of the installed service. Sourced right after test.sh, it
# runs the test again in mount and PID namespaces of its own, where /etc, /usr, /var and /run are
# copies: filed is installed there as `make install` does it, its users and groups exist, and OpenRC
# takes the machine for booted. All of it is gone when the test ends.
# shellcheck shell=sh

needs root fuse openrc-run unshare

if [ -z "${boxed-}" ]; then
	unshare -m true 2>/dev/null || skip "no namespaces for mounts here"
	boxed=1 TEST_TMP=$tmp unshare -m -p -f --mount-proc sh "$0"
	exit
fi

box=$tmp/box
mkdir "$box"
mount -t tmpfs -o mode=755 none "$box"
for dir in etc usr var; do
	mkdir "$box/$dir" "$box/$dir.work"
	mount -t overlay -o "lowerdir=/$dir,upperdir=$box/$dir,workdir=$box/$dir.work" none /$dir ||
		skip "no overlay file system here"
done
mount -t tmpfs -o mode=755 none /run
mkdir -p /run/lock /run/openrc
for dir in daemons exclusive failed hotplugged inactive options scheduled started starting stopping tmp wasinactive; do
	mkdir "/run/openrc/$dir"
done
touch /run/openrc/softlevel
# Debian brings OpenRC without the scripts that boot a machine.
if [ ! -e /etc/init.d/localmount ]; then
	printf '#!/sbin/openrc-run\nstart() { :; }\n' >/etc/init.d/localmount
	chmod 755 /etc/init.d/localmount
fi
echo 'rc_controller_cgroups="NO"' >>/etc/rc.conf

make -s -C "$top" -o all out="$out" PREFIX=/usr init=openrc install >"$tmp/install" 2>&1 ||
	fail "make install: $(cat "$tmp/install")"
if busybox --list | grep -q -x adduser; then
	sh "$top/filed.pre-install"
else
	for user in filed filed-serve; do
		groupadd -r $user
		useradd -r -g $user -d /var/lib/filed -s /usr/sbin/nologin $user
	done
fi
q=/var/spool/filed

# rc COMMAND [SERVICE]: what it says is kept in $tmp/rc and shown if the test fails.
rc() {
	echo "\$ rc-service ${2:-filed} $1" >>"$log"
	rc_status=0
	rc-service "${2:-filed}" "$1" >"$tmp/rc" 2>&1 </dev/null || rc_status=$?
	cat "$tmp/rc" >>"$log"
	return $rc_status
}

# set_in SECTION KEY VALUE [FILE]: in the installed configuration.
set_in() {
	file=${4:-/etc/filed/filed.conf}
	printf '\n[%s]\n%s = %s\n' "$1" "$2" "$3" >>"$file"
}

# daemons [SERVICE]: process ids of what runs as it.
daemons() {
	pgrep -f "^/usr/bin/filed -c /etc/filed/${1:-filed}.conf" || :
}
