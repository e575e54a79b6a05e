# touch pending/x makes a job that does not run before it has text.
. "${0%/*}/../../lib/test.sh"
config workers=1
start_filed

touch "$q/pending/x"
: >"$q/pending/y"
submit z true
wait_in complete z
assert_eq "pending pending" "$(where x) $(where y)" "where x and y are"
restart_filed
assert_eq "pending pending" "$(where x) $(where y)" "where x and y are"
echo "echo hello" >"$q/pending/x"
wait_in complete x
assert_file "$q/complete/x" '>>> echo hello\nhello\n'
echo "echo appended" >>"$q/pending/y"
wait_in complete y
