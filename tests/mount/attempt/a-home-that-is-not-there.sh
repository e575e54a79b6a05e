# An attempt that cannot enter its home runs in / with HOME=/, and its log says so.
. "${0%/*}/../../lib/test.sh"
home=$tmp/home
config workers=1 retries=0 '[env]' "HOME=$home" AFTER=whole
start_filed

submit missing 'pwd; echo "$HOME $AFTER"'
wait_in complete missing
assert_file "$q/complete/missing" '>>> %s\nfiled: cannot enter the home %s: running in /\n/\n/ whole\n' \
	'pwd; echo "$HOME $AFTER"' "$home"
# It is looked for anew by each attempt.
mkdir "$home"
submit there 'pwd; echo "$HOME"'
wait_in complete there
assert_file "$q/complete/there" '>>> %s\n%s\n%s\n' 'pwd; echo "$HOME"' "$home" "$home"
