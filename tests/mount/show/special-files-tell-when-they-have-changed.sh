# The mtime of config.ini is the last change of a setting, that of status the last change of a counter. Looking
# at them changes neither; nor does time, though uptime and waiting are lines of status.
. "${0%/*}/../../lib/test.sh"
needs make rsync
config workers=1
start_filed

stamps() { stat -c '%Y.%y %Z.%z' "$q/$1"; }
# unchanged FILE / changed FILE: since the last of these for it.
unchanged() {
	assert_eq "$(cat "$tmp/times-$1")" "$(stamps "$1")" "times of $1"
}
changed() {
	[ "$(stamps "$1")" != "$(cat "$tmp/times-$1")" ] || fail "the times of $1 have not changed"
	stamps "$1" >"$tmp/times-$1"
	assert "the mtime of $1 is not in the future" [ "$(stat -c %Y "$q/$1")" -le "$(date +%s)" ]
}
for file in config.ini status new-id; do stamps $file >"$tmp/times-$file"; done
wait_for '[ "$(counter uptime)" -gt 1 ]'
cat "$q/new-id" "$q/config.ini" >/dev/null
unchanged config.ini
unchanged new-id
wait_for '[ "$(counter uptime)" -gt 3 ]'
unchanged status

submit x true
wait_in complete x
wait_for '[ "$(counter total_succeeded)" = 1 ]'
changed status
unchanged config.ini
touch -d @4000000000 "$q/pending/.later"
changed status
mv "$q/complete/x" "$q/complete/y" # the counters are the same
unchanged status

echo 'retries = 1' >"$q/config.ini"
changed config.ini
echo 'retries = 1' >"$q/config.ini" # it was so
unchanged config.ini
echo 'retrys = 1' 2>"$tmp/said" >"$q/config.ini" || true # adds a remark
changed config.ini
printf '[queue]\nworkers = 3\n' >"$conf"
kill -HUP "$filed_pid"
wait_for '[ "$(counter workers)" = 3 ]'
changed config.ini
changed status

# So make and rsync do again what is out of date, and nothing else.
printf '%s\n\tcp $< $@\n' "copy: $q/config.ini" >"$tmp/Makefile"
made() { make -C "$tmp" copy 2>&1; }
made >"$tmp/said"
made | grep -q 'up to date' || fail "make copies what has not changed"
sleep 0.01 # so that the change is later than the copy, by a clock that ticks each 4 ms
echo 'retries = 2' >"$q/config.ini"
if made | grep -q 'up to date'; then fail "make does not see a change"; fi
synced() { rsync -ti "$q/config.ini" "$tmp/synced"; }
synced >"$tmp/said"
assert_eq "" "$(synced)" "what rsync copies again"
