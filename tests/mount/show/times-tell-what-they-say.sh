# atime is the start of the latest attempt; mtime is the last output while it runs and the end after
# that; ctime the last change. A restart keeps them all.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0
start_filed

call=$(command -v call)
before=$(call now -)
submit x "$call now - >$tmp/started; until [ -e $tmp/print ]; do sleep 0.05; done; echo hello
until [ -e $tmp/go ]; do sleep 0.05; done; $call now - >$tmp/ending; exit 1"
wait_in active x
wait_for '[ -s "$tmp/started" ]'
read -r atime mtime ctime <<EOF
$(call times "$q/active/x")
EOF
assert "it started after its submission" [ "$atime" -ge "$before" ]
assert "it started before its first command" [ "$atime" -le "$(cat "$tmp/started")" ]
assert "no output yet: mtime is the start" [ "$mtime" -le "$(cat "$tmp/started")" ]
assert "ctime is the change to active" [ "$ctime" -ge "$before" ]

printing=$(call now -)
: >"$tmp/print"
wait_for 'grep -q "^hello" "$q/active/x"'
printed=$(call now -)
read -r atime2 mtime _ <<EOF
$(call times "$q/active/x")
EOF
assert_eq "$atime" "$atime2" "atime"
assert "mtime is the output's" [ "$mtime" -ge "$printing" ]
assert "mtime is the output's" [ "$mtime" -le "$printed" ]

: >"$tmp/go"
wait_in failed x
ended=$(call now -)
read -r atime2 mtime ctime <<EOF
$(call times "$q/failed/x")
EOF
assert_eq "$atime" "$atime2" "atime"
assert "mtime is the end" [ "$mtime" -ge "$(cat "$tmp/ending")" ]
assert "mtime is the end" [ "$mtime" -le "$ended" ]
assert "ctime is the change to failed" [ "$ctime" -ge "$(cat "$tmp/ending")" ]

all=$(call times "$q/failed/x")
restart_filed
assert_eq "$all" "$(call times "$q/failed/x")" "times after a restart"
touch -d '2001-02-03 04:05:06' "$q/failed/x"
seconds=$(date -d '2001-02-03 04:05:06' +%s)
restart_filed
assert_eq "${seconds}000000000 ${seconds}000000000" "$(call times "$q/failed/x" | sed 's/ [0-9]*$//')" "what touch set"
