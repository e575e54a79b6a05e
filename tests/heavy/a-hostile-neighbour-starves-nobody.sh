# One user does at once all that costs filed or takes from others, within the caps: jobs that hang, drafts that are
# held open and rewritten, storms of readers, long names, output without end, failing jobs with hooks, fork bombs. The
# jobs of another run meanwhile, none is lost, rm works, and a stop leaves no process and no mount.
# limit: 400
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"
cat >"$tmp/tell" <<'EOF'
#!/bin/sh
case $FILED_ID in bob*) echo "$FILED_ID" >>"${0%/*}/told" ;; *) sleep 20 ;; esac
EOF
chmod 755 "$tmp/tell"
config workers=4 pause=yes retries=0 user_workers=3 user_jobs=2000 user_bytes=4M user_open=200 '[mount]' mode=1777 \
	'[limits]' processes=200 '[hooks]' "on_failure=$tmp/tell"
start_filed
p=$q/pending

as_user "$alice" sh -c '
	p=$1/pending name=$(printf "%0240d" 0 | tr 0 "\033")
	for i in 1 2 3 4 5; do
		echo "while :; do sleep 1; done" >"$p/hangs$i"
		echo "setsid sh -c \"sleep 600 & sleep 600\" & trap \"\" TERM; kill -STOP \$\$" >"$p/stops$i"
		echo "b() { b | b & }; b; wait" >"$p/bomb$i"
		echo "yes" >"$p/prints$i"
	done
	i=0
	while [ $i -lt 300 ]; do
		i=$((i + 1))
		echo false >"$p/fails$i"
		echo x >"$p/.$name$i"
	done
	for i in 1 2 3 4 5 6 7 8; do touch -d @0 "$p/fails$i"; done
	touch -d @1 "$p/prints1"
	touch -d @2 "$p/bomb1"
	touch -d @3 "$p/stops1"' - "$q"
echo 'pause = no' >>"$q/config.ini"
wait_for '[ -e "$q/active/prints1" ] && [ -e "$q/active/stops1" ]' 30
pids=
# storm COMMANDS: the user repeats them until the end.
storm() {
	as_user "$alice" sh -c "q=\$1; while :; do $1; done" - "$q" >/dev/null 2>&1 &
	pids="$pids $!"
}
storm 'cat "$q/status" "$q/config.ini"'
storm 'ls -l "$q/pending" "$q/failed"'
storm 'exec 3>>"$q/pending/.d1" 4>>"$q/pending/.d2" 5>>"$q/pending/.d3"
	i=0; while [ $i -lt 500 ]; do echo y >&3; echo y >&4; echo y >&5; i=$((i + 1)); done'
storm 'mv "$q/pending/fails300" "$q/pending/.away"; mv "$q/pending/.away" "$q/pending/fails300"'
storm 'i=0; while [ $i -lt 300 ]; do i=$((i + 1)); echo z >"$q/pending/.more$i"; done; rm "$q"/pending/.more*'

i=0
while [ $i -lt 50 ]; do
	i=$((i + 1))
	by "$bob" "bob$i" true
done
by "$bob" bob-fails false
wait_for '[ "$(ls "$q/complete" | grep -c "^bob")" = 50 ]' 60
assert 'the other user has jobs that wait' [ "$(ls "$p" | grep -c .)" -gt 50 ]
wait_for 'grep -q "^bob-fails$" "$tmp/told"' 60
by "$bob" bob-removed 'sleep 1000'
wait_for '[ -e "$q/active/bob-removed" ]' 30
as_user "$bob" rm "$q/active/bob-removed"
assert 'rm works' [ ! -e "$q/active/bob-removed" ]

for pid in $pids; do
	kill "$pid" 2>/dev/null || :
done
stop_filed
assert 'no mount is left' [ "$(grep -c " $q fuse" /proc/self/mounts)" = 0 ]
wait_for '[ -z "$(pgrep -u "$alice")" ]' 30
