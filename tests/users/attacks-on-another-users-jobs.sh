# alone
# limit: 300
# Attacks of a user on the jobs of another and on filed all fail. Each is also made by a user who may do it, to show
# that it would work.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"

config workers=0 retries=0 '[mount]' mode=1777
start_filed
p=$q/pending

attempts=0
# refused ERRNO COMMAND…: bob tries.
refused() {
	attempts=$((attempts + 1))
	refused_errno=$1
	shift
	assert_fails "$refused_errno" as_user "$bob" "$@"
}
# allowed WHO COMMAND…
allowed() {
	allowed_who=$1
	shift
	as_user "$allowed_who" "$@" >"$tmp/said" 2>&1 || fail "$allowed_who could not: $*: $(cat "$tmp/said")"
}
append='echo "touch $HOME/pwned" >>"$1"'
overwrite='echo "touch $HOME/pwned" >"$1"'

# --- another's text, by a mode that invites to it
by "$alice" .a 'echo alice' 666
refused EACCES sh -c "$append" - "$p/.a"
refused EACCES sh -c "$overwrite" - "$p/.a"
refused EACCES call size "$p/.a" 0
refused EACCES call touch "$p/.a"
refused EPERM call touch "$p/.a" 1
allowed "$bob" cat "$p/.a"
assert_file "$p/.a" 'echo alice'
for how in "$append" "$overwrite"; do allowed "$alice" sh -c "$how" - "$p/.a"; done
allowed "$alice" call size "$p/.a" 4
allowed "$alice" call touch "$p/.a"
allowed root sh -c "$append" - "$p/.a"

# --- another's name
by "$alice" .b 'echo alice' 666
by "$bob" .mine 'echo bob'
refused EPERM call rename "$p/.mine" "$p/.b"
refused EPERM call rename "$p/.b" "$p/b"
refused EPERM call rename "$p/.b" "$q/failed/.b"
refused EPERM call unlink "$p/.b"
refused EPERM call link "$p/.b" "$p/.linked"
refused EPERM call link "$p/.mine" "$p/.linked"
refused EPERM call symlink /etc/passwd "$p/.linked"
refused EPERM call exchange "$p/.mine" "$p/.b"
refused EPERM mkdir "$p/dir"
allowed "$bob" call rename "$p/.mine" "$p/.mine2"
allowed "$alice" call rename "$p/.b" "$p/.b2"

# --- another's identity
by "$bob" .c 'id -un'
refused EPERM chown "$alice" "$p/.c"
refused EPERM chgrp "$club" "$p/.c"
refused EPERM chown "$bob" "$p/.b2"
refused EPERM chmod 777 "$p/.b2"
allowed "$bob" chgrp "$team" "$p/.c"
allowed root chown "$alice:$team" "$p/.c"
assert_eq "$alice" "$(stat -c %U "$p/.c")" "owner of the job that root gave away"

# Set-id bits do not stay: neither on a text nor on a log can a program run as its owner.
by "$alice" .suid "$(printf '#!/bin/sh\nid -un')"
allowed "$alice" chmod 6755 "$p/.suid"
assert_eq 755 "$(stat -c %a "$p/.suid")" "mode after chmod 6755"
if as_user "$alice" "$p/.suid" >"$tmp/said" 2>&1; then
	assert_eq "$alice" "$(cat "$tmp/said")" "who runs it"
	assert_eq "$bob" "$(as_user "$bob" "$p/.suid")" "who runs another's set-uid text"
fi

# --- open files
as_user "$alice" call hold "$p/.held" 'echo held' >"$tmp/held" 2>&1 &
holder=$!
wait_for '[ -s "$tmp/held" ]'
chmod 600 "$p/.held"
refused EACCES cat "/proc/$holder/fd/3"
refused EACCES sh -c "$overwrite" - "/proc/$holder/fd/3"
allowed "$alice" cat "/proc/$holder/fd/3"
# It may not be given away while its owner can still write what would run as another.
attempts=$((attempts + 1))
assert_fails EBUSY chown "$bob" "$p/.held"
kill "$holder"
wait "$holder" || true
wait_for 'chown "$bob" "$p/.held" 2>/dev/null'
assert_file "$p/.held" 'echo held'
# A descriptor from before chmod stays what it was; a new one is refused.
by "$alice" .d 'echo secret' 644
(
	exec 3<"$p/.d"
	chmod 600 "$p/.d"
	assert_eq 'echo secret' "$(as_user "$bob" cat <&3)" "text by the old descriptor"
)
refused EACCES cat "$p/.d"

# --- logs, and jobs that run
echo 'workers = 20' >"$q/config.ini"
by "$alice" e 'echo secret' 644
by "$alice" f 'echo secret; false' 644
by "$alice" g 'sleep 1000' 666
wait_in complete e
wait_in failed f
wait_in active g
allowed "$bob" cat "$q/complete/e"
chmod 600 "$q/complete/e" "$q/failed/f"
refused EACCES cat "$q/complete/e"
refused EACCES cat "$q/failed/f"
refused EPERM call unlink "$q/active/g"
refused EPERM call rename "$q/active/g" "$q/failed/g"
refused EPERM call rename "$q/active/g" "$p/g"
refused EPERM call rename "$q/failed/f" "$p/f"
refused EPERM call rename "$q/complete/e" "$p/e"
refused EPERM call unlink "$q/failed/f"
refused EACCES sh -c "$append" - "$q/active/g"
allowed "$alice" call rename "$q/failed/f" "$p/.f"
allowed "$alice" call unlink "$q/complete/e"
allowed "$alice" call rename "$q/active/g" "$q/failed/g"
echo 'workers = 0' >"$q/config.ini"

# --- the queue itself
refused EACCES sh -c 'echo "workers = 100" >"$1"' - "$q/config.ini"
refused EACCES call size "$q/config.ini" 0
refused EPERM chmod 666 "$q/config.ini"
refused EPERM call unlink "$q/config.ini"
refused EPERM call rename "$q/new-id" "$q/old-id"
refused EPERM chmod 777 "$p"
refused EPERM chown "$bob" "$p"
refused EACCES cat "$state"
for name in launcher notifier; do
	refused EPERM kill -KILL "$(process "filed-$name")"
done
refused EPERM kill -STOP "$filed_pid"
for file in environ maps mem; do refused EACCES cat "/proc/$filed_pid/$file"; done
as_user "$bob" fusermount3 -u "$q" >/dev/null 2>&1 || true
assert 'bob cannot take the mount away' [ -e "$q/status" ]
attempts=$((attempts + 1))
assert_eq 0 "$(counter workers)" workers

# --- a link where a queue is to be mounted
as_user "$bob" ln -s /etc "$tmp/home/$bob/q"
attempts=$((attempts + 1))
if filed -state "$tmp/other.db" "$tmp/home/$bob/q" >"$tmp/said" 2>&1; then fail "mounted on /etc"; fi
grep -q 'not empty' "$tmp/said" || fail "it says $(cat "$tmp/said")"

# --- a race: a user who replaces a job at the moment of its start never gets a text run as another user.
chmod 0777 "$p"
echo 'workers = 20' >"$q/config.ini"
i=0
while [ $i -lt 100 ]; do
	i=$((i + 1))
	by "$alice" ".race-a$i" 'echo text of alice; id -un' 644
	by "$bob" ".race-b$i" 'echo text of bob; id -un' 644
done
as_user "$alice" sh -c 'i=0; while [ $i -lt 100 ]; do i=$((i + 1)); call rename "$1/.race-a$i" "$1/r$i"; done' - "$p" \
	>/dev/null &
racer=$!
as_user "$bob" sh -c 'i=0; while [ $i -lt 100 ]; do i=$((i + 1)); call rename "$1/.race-b$i" "$1/r$i"; done' - "$p" \
	>/dev/null || true
wait "$racer" || true
wait_for '[ "$(find "$p" -name "r*" | wc -l)" = 0 ] && [ "$(counter active)" = 0 ]' 30
assert_eq 100 "$(find "$q/complete" -name 'r*' | wc -l)" "jobs that have run"
for file in "$q"/complete/r*; do
	log_lines=$(sed -n '2,3p' "$file" | xargs)
	case $log_lines in
	"text of alice $alice" | "text of bob $bob") ;;
	*) fail "$file: $log_lines" ;;
	esac
done
assert 'nobody was had' [ ! -e "$tmp/home/$alice/pwned" ]
[ "$attempts" -ge 40 ] || fail "only $attempts attempts"
