# A running job cannot be renamed: EBUSY, and it goes on.
. "${0%/*}/../../lib/test.sh"
config workers=2
start_filed

submit a "until [ -e $tmp/go ]; do sleep 0.1; done; echo done"
submit b "until [ -e $tmp/go ]; do sleep 0.1; done"
wait_in active a
wait_in active b
assert_fails EBUSY call rename "$q/active/a" "$q/active/c"
assert_fails EBUSY call rename "$q/active/a" "$q/active/b"
assert_fails EBUSY mv "$q/active/a" "$q/active/c"
: >"$tmp/go"
wait_in complete a
wait_in complete b
assert_file "$q/complete/a" ">>> until [ -e $tmp/go ]; do sleep 0.1; done; echo done\ndone\n"
