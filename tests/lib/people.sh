# Three users for a test; sourced after test.sh. They are removed when the test ends. $alice and $bob are in the group
# $team. $carol is not in it, but in $club, as $alice is.
# shellcheck shell=sh

needs root fuse as_user

alice=filedt${$}a bob=filedt${$}b carol=filedt${$}c
team=filedt${$}t club=filedt${$}u

# Repeats the command, because another process may have locked the files for a moment.
patiently() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		if "$@" 2>"$tmp/said"; then return 0; fi
		sleep 0.3
	done
	cat "$tmp/said"
	return 1
}

if command -v useradd >/dev/null; then
	make_group() { patiently groupadd "$1"; }
	make_user() { patiently useradd -M -d "$tmp/home/$1" -s /bin/sh -g "$2" "$1"; }
	join_group() { patiently usermod -a -G "$2" "$1"; }
	remove_user() { patiently userdel -f "$1"; }
	remove_group() { patiently groupdel "$1"; }
else
	make_group() { patiently addgroup "$1"; }
	make_user() { patiently adduser -D -H -h "$tmp/home/$1" -s /bin/sh -G "$2" "$1"; }
	join_group() { patiently addgroup "$1" "$2"; }
	remove_user() { patiently deluser "$1"; }
	remove_group() { patiently delgroup "$1"; }
fi

remove_people() {
	for person in "$alice" "$bob" "$carol"; do
		! id -u "$person" >/dev/null 2>&1 || remove_user "$person"
	done
	for people in "$team" "$club"; do
		! grep -q "^$people:" /etc/group || remove_group "$people"
	done >/dev/null 2>&1
}
trap 'status=$?; set +e; remove_people >/dev/null; (exit "$status"); cleanup' EXIT

make_group "$team"
make_group "$club"
mkdir "$tmp/home"
for person in "$alice" "$bob" "$carol"; do
	own=$team
	[ "$person" != "$carol" ] || own=$club
	make_user "$person" "$own"
	mkdir -m 700 "$tmp/home/$person"
	chown "$person" "$tmp/home/$person"
done
join_group "$alice" "$club"

# by WHO ID TEXT [MODE]: that user submits a job.
by() {
	as_user "$1" sh -c 'umask "$(printf %o $((0777 & ~0$3)))"; printf %s "$2" >"$1"' - \
		"$q/pending/$2" "$3" "${4:-640}"
}

# outcome COMMAND…: yes, or the errno for which it failed.
outcome() {
	if "$@" >"$tmp/said" 2>&1; then
		echo yes
	else
		case $(cat "$tmp/said") in
		*'Permission denied'*) echo EACCES ;;
		*'Operation not permitted'*) echo EPERM ;;
		*busy*) echo EBUSY ;;
		*) cat "$tmp/said" ;;
		esac
	fi
}

# capabilities PID: permitted, effective and bounding sets.
capabilities() {
	awk '/^Cap(Prm|Eff|Bnd):/ { printf "%s%s", sep, $2; sep = " " }' "/proc/$1/status"
}

# ids PID: user, then group, each real, effective, saved and of files.
ids() {
	awk '/^(Uid|Gid):/ { printf "%s%s %s %s %s", sep, $2, $3, $4, $5; sep = " / " }' "/proc/$1/status"
}
