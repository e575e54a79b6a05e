# A job does not run while it is open for writing, no matter how often it is flushed.
. "${0%/*}/../../lib/test.sh"
config workers=1
start_filed

exec 3>"$q/pending/x"
printf 'echo one\n' >&3
sh -c ':' 3>&3 # its end is a close, too
submit other1 true
wait_in complete other1
assert_eq pending "$(where x)" "where x is"
assert_file "$q/pending/x" 'echo one\n'
exec 4>>"$q/pending/x"
printf 'echo two\n' >&4
exec 3>&-
submit other2 true
wait_in complete other2
assert_eq pending "$(where x)" "where x is"
exec 4>&-
wait_in complete x
assert_file "$q/complete/x" '>>> echo one\necho two\none\ntwo\n'

# A reader does not keep it from running.
echo "until [ -e $tmp/go ]; do sleep 0.1; done" >"$q/pending/blocker"
wait_in active blocker
echo "echo three" >"$q/pending/y"
exec 3<"$q/pending/y"
: >"$tmp/go"
wait_in complete y
assert_eq "echo three" "$(cat <&3)" "what the descriptor shows"
exec 3<&-
