# What stands as an example in a man page or in the README can be typed as it stands.
# limit: 600
#
# Every block between ``` in a section EXAMPLES is run in a copy of this machine (a chroot of an overlay)
# where filed is installed, and that has what examples speak of: a queue on /q, an application in
# /srv/app, a little internet. Of blocks there are three kinds: configurations begin with a bracket;
# sessions begin with a $, and what they show must come; of others every command must succeed. A filed
# that a block starts must serve.
. "${0%/*}/../lib/test.sh"
needs root fuse unshare python3 php node openssl scdoc mandoc wget getfattr inotifywait

if [ -z "${boxed-}" ]; then
	needs sendmail
	unshare -m true 2>/dev/null || skip "no namespaces for mounts here"
	boxed=outside TEST_TMP=$tmp unshare -m -n -p -f --mount-proc sh "$0"
	exit
fi

if [ "$boxed" = outside ]; then
	mkdir "$tmp/box"
	mount -t tmpfs -o mode=755 none "$tmp/box"
	root=$tmp/box/root
	mkdir "$root" "$tmp/box/upper" "$tmp/box/work"
	mount -t overlay -o "lowerdir=/,upperdir=$tmp/box/upper,workdir=$tmp/box/work" none "$root" ||
		skip "no overlay file system here"
	[ -x "$root/bin/sh" ] || skip "the machine's files lie on more than one file system"
	mount -t tmpfs -o mode=1777 none "$root/tmp"
	for dir in /proc /dev /sys; do mount --rbind $dir "$root$dir"; done
	for dir in "$top" "$out"; do
		mkdir -p "$root$dir"
		mount --bind "$dir" "$root$dir"
	done
	ip link set lo up 2>/dev/null || busybox ifconfig lo up
	# All of this goes with the namespace: nothing is left to clean up, least of all in what is bound here.
	export boxed=inside TEST_TMP=/tmp
	exec chroot "$root" sh "$top/tests/packaging/examples.sh"
fi

# --- the world that the examples speak of -------------------------------------------------------------

make -s -C "$top" -o all out="$out" PREFIX=/usr init=none install >"$tmp/install" 2>&1 ||
	fail "make install: $(cat "$tmp/install")"
PATH=/usr/bin:/bin:/usr/sbin:/sbin:$out/tests
make_filed_users
mkdir -p /q /srv/app/var /srv/app/build /srv/mirror /var/lib/filed /var/spool/filed
chown filed-serve:filed /var/lib/filed
chown filed:filed /srv/app/var
ln -s "$out" /srv/app/build/release
export HOME=/srv/app
cd /srv/app
cat >import.sh <<'END'
ls /usr >/srv/app/var/imported
cat /etc/shadow && touch /srv/app/too-much
true
END
printf '#!/bin/sh\ntr a-z A-Z\n' >untrusted
chmod 755 untrusted
mkdir bin
printf '#!/bin/sh\ntail -n +2 "$1" >/srv/app/var/mail\n' >bin/mail
chmod 755 bin/mail
echo words >in
printf '.TH words 1\n.SH NAME\nwords \\- words\n' >in.1

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=example.org -addext subjectAltName=DNS:example.org \
	-keyout "$tmp/key" -out "$tmp/certificate" 2>"$tmp/said" || fail "openssl: $(cat "$tmp/said")"
cat "$tmp/certificate" "$tmp/key" >"$tmp/both"
rm -rf /etc/resolv.conf
echo "nameserver 127.0.0.1" >/etc/resolv.conf
mkdir -p /etc/ssl/certs
cat "$tmp/certificate" >/etc/ssl/certs/ca-certificates.crt
ln -sf certs/ca-certificates.crt /etc/ssl/cert.pem
printf 'account default\nhost 127.0.0.1\nfrom filed@example.org\n' >/etc/msmtprc
python3 "$top/tests/lib/internet.py" "$tmp/both" "$tmp/mailbox" >"$tmp/internet" 2>&1 &
wait_for '[ -s "$tmp/internet" ]' 20
assert_eq here "$(cat "$tmp/internet")" "the servers"

# Jobs run in their owner's home.
sed -i 's|^\(root:.*\):[^:]*:\([^:]*\)$|\1:/srv/app:\2|' /etc/passwd

# --- the queues ----------------------------------------------------------------------------------------

# stop_queues: stops each filed, no matter how it was started.
stop_queues() {
	while queue=$(pgrep -o -x filed); do
		kill "$queue" 2>/dev/null || :
		kill -CONT "$queue" 2>/dev/null || :
		wait_gone "$queue" 30
	done
	assert_eq "" "$(grep ' fuse.filed ' /proc/self/mounts || :)" "mounts after the end"
}

# A queue on /q, afresh, with a job in each directory.
fresh_queue() {
	rm -f /var/lib/filed/*
	printf '[queue]\nretries = 0\nworkers = 4\nstop_grace = 0\n' >"$tmp/q.conf"
	filed -c "$tmp/q.conf" -state /var/lib/filed/filed.db -ro /usr -ro /lib -ro /bin -rw /srv /q 2>>"$log" &
	q=/q
	wait_for '[ -e /q/status ]' 20
	submit 2 false
	submit 3 'sleep 1000'
	submit 4 true
	wait_in failed 2
	wait_in active 3
	wait_in complete 4
	touch -d @1 /q/complete/4
	touch -a -d @1 /q/active/3
}

# It serves: a job that succeeds, and one that fails.
exercise() {
	echo 'retries = 0' >"$q/config.ini"
	submit good "echo 'hello world'"
	submit bad 'echo oh; exit 3'
	wait_in complete good
	wait_in failed bad
	assert_file "$q/complete/good" ">>> echo 'hello world'\nhello world\n"
	rm "$q/complete/good" "$q/failed/bad"
}

# --- running an example --------------------------------------------------------------------------------

# Where one is: in the queue, if the example names its directories as one would there.
place() {
	if grep -q -E '(^|[ >])(pending|active|complete|failed|config\.ini)([ /]|$)' "$1"; then
		echo "$q"
	else
		echo /srv/app
	fi
}

broken() { # BLOCK
	fail "$1: as written,
$(cat "$1")
does this:
$(cat "$tmp/said")"
}

# A configuration goes on with the one before it if it names no directory.
run_configuration() {
	grep -q '^dir *=' "$1" || set -- "$tmp/configuration" "$1"
	cat "$@" >"$tmp/configuration.new"
	mv "$tmp/configuration.new" "$tmp/configuration"
	cp "$tmp/configuration" /etc/filed/filed.conf
	echo filed >"$tmp/start"
	run_daemon "$tmp/start"
}

run_daemon() {
	stop_queues
	cd /srv/app
	: >"$tmp/said"  # or the line of the filed before could be found
	# cat ends when the block and a filed that it has put in the background have.
	sh -e "$1" 2>&1 | cat >>"$tmp/said" &
	reader=$!
	wait_for 'grep -q "^filed: ready: " "$tmp/said" || ! running "$reader"' 20
	q=$(sed -n 's/^filed: ready: //p' "$tmp/said")
	[ "$q" ] || broken "$1"
	exercise
}

# The words before the last colon of an error differ from one make of a command to another.
if ls --version 2>/dev/null | grep -q GNU && [ "$(readlink -f /bin/sh)" = /usr/bin/dash ]; then
	essence() { cat; }
else
	essence() { sed -E 's/^[^>[].*: ([A-Za-z ]+)$/\1/'; }
fi

# A reader takes a moment from one command to the next, in which jobs end.
run_session() {
	rm -rf "$tmp/session"
	mkdir "$tmp/session"
	awk -v dir="$tmp/session/" '/^\$ / { n = sprintf("%02d", ++count); print substr($0, 3) >(dir n ".do"); next }
		{ print >(dir n ".shows") }' "$1"
	for step in "$tmp"/session/*.do; do
		wait_for 'said "$step" "${step%.do}.shows"' 15
	done
}
said() {
	status=0
	(cd "$(place "$1")" && sh "$1") >"$tmp/said" 2>&1 || status=$?
	if [ -e "$2" ]; then
		[ "$(essence <"$2")" = "$(essence <"$tmp/said")" ]
	else
		[ $status = 0 ]
	fi
}

# A program shows the log of the job that it has submitted.
run_program() { # COMMAND BLOCK
	timeout 60 "$1" "$2" >"$tmp/said" 2>&1 || broken "$2"
	assert_eq '>>> echo hello
hello' "$(cat "$tmp/said")" "what ${2##*/} shows"
}

run_commands() {
	(cd "$(place "$1")" && timeout 240 sh -e "$1") >"$tmp/said" 2>&1 </dev/null || broken "$1"
}

run_block() {
	echo "--- ${1##*/}"
	case $1 in
	*.php)
		(echo '<?php' && cat "$1") >"$tmp/program.php"
		run_program php "$tmp/program.php"
		return
		;;
	*.python) run_program python3 "$1" && return ;;
	*.js)
		cp "$1" "$tmp/program.mjs"
		run_program node "$tmp/program.mjs"
		return
		;;
	esac
	case $(cat "$1") in
	\[* | '# /etc/filed/filed.conf'*) run_configuration "$1" ;;
	\$*) run_session "$1" ;;
	filed\ -backup*) run_commands "$1" ;;
	filed\ * | *"
filed"* | *release/filed*) run_daemon "$1" ;;
	*) run_commands "$1" ;;
	esac
}

# --- all examples --------------------------------------------------------------------------------------

# So does the configuration as it is installed, with the sandbox that it has ready.
mkdir "$tmp/blocks"
sed '/^\[sandbox\]/,/^\[limits\]/s/^#\(r[ow] = \)/\1/' /etc/filed/filed.conf >"$tmp/blocks/filed.conf-installed"
assert "it has a sandbox" grep -q '^ro = /usr$' "$tmp/blocks/filed.conf-installed"
for page in "$top"/man/*.scd; do
	name=${page##*/}
	name=${name%.scd}
	awk -v file="$tmp/blocks/$name" '
		/^# / { examples = $2 == "EXAMPLES" }
		/^```/ { inside = !inside; count += inside && examples; next }
		inside && examples { gsub(/\\\\/, "\\"); print >sprintf("%s-%02d", file, count) }' "$page"
	# What the reader sees is what is run.
	scdoc <"$page" | mandoc -T utf8 -O width=250 | sed 's/^ *//' >"$tmp/page"
	for block in "$tmp/blocks/$name"-*; do
		[ -e "$block" ] || fail "$name has no examples"
		sed 's/^[[:blank:]]*//' "$block" | while read -r line; do
			grep -q -x -F -e "$line" "$tmp/page" || fail "$name does not show: $line"
		done
	done
done
awk -v file="$tmp/blocks/README" '
	/^## Run it for/ { file = file ".app" } # on /q again
	/^## How fast/ { exit }
	/^```/ { language = substr($0, 4); fenced = !fenced; count += fenced; next }
	fenced && language { print >sprintf("%s-%02d.%s", file, count, language) }
	fenced || /^    make / { next }
	/^$/ { blank = blank "\n"; next }
	/^    / {
		count += !inside
		printf "%s%s\n", inside ? blank : "", substr($0, 5) >sprintf("%s-%02d", file, count)
	}
	{ inside = /^    /; blank = "" }' "$top/README.md"

last=
for block in "$tmp"/blocks/*; do
	page=${block%-*}
	if [ "$page" != "$last" ]; then
		stop_queues
		rm -rf /tmp/filed-jobs /srv/app/.local
		fresh_queue
		last=$page
	fi
	! grep -q 'active 0' "$block" || rm -f /q/active/3 # it would wait for that
	run_block "$block"
	# Where an example can be seen to have done what its page says of it.
	case ${block##*/} in
	filed-launch.1-01)
		assert "it has written" [ -s /srv/app/var/imported ]
		assert "it has done no more" [ ! -e /srv/app/too-much ]
		;;
	filed-launch.1-02) assert "it is converted" grep -q '<h1.*NAME' out.html ;;
	filed-launch.1-03) assert_file /srv/mirror/index.html '<p>here\n' ;;
	filed-launch.1-05)
		wait_in complete 7
		assert_file /srv/app/out 'WORDS\n'
		;;
	filed.5-01) assert "the log is shown" grep -q '^>>> df -h /$' "$tmp/said" ;;
	filed.5-03) assert_eq 2037 "$(date -r /q/pending/backup +%Y)" "the year for which it waits" ;;
	filed.5-04) wait_in complete backup ;;
	filed.5-05)
		assert "attributes are shown" grep -q '^user.filed.exit="1"$' "$tmp/said"
		wait_for '[ "$(counter total_failed)" = 2 ]'
		;;
	filed.5-06)
		assert_eq failed "$(where 3)" "what ran for an hour"
		assert_eq "" "$(where 4)" "what was done an hour ago"
		;;
	filed.5-07) assert_eq 4 "$(counter workers)" "workers" ;;
	README-05)
		wait_in complete mail-4
		assert_eq '{"to": "ada@example.org", "text": "it'"'"'s done"}' "$(cat /srv/app/var/mail)" "what it has got"
		;;
	README.app-*)
		if grep -q 'pending/backup' "$block"; then
			wait_in complete backup
			run_block "$block" # the second night
			wait_in complete backup
		elif grep -q -e -backup "$block"; then
			assert "the copy is there" [ -s /srv/app/var/queue.db ]
		elif grep -q 'active 0' "$block"; then
			submit 3 'sleep 1000'
			wait_in active 3
		fi
		;;
	filed.conf.5-02)
		wait_for 'grep -q "^Subject: job bad: exit status 3" "$tmp/mailbox"'
		assert_eq '>>> echo oh; exit 3
oh' "$(grep -A 1 '^>>> ' "$tmp/mailbox")" "the log in the mail"
		;;
	esac
done
stop_queues
