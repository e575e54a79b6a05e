# The example of the README does what the README shows, to the byte.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0
start_filed

printf "echo 'hello world'" >"$q/pending/1"
wait_in complete 1
assert_file "$q/complete/1" ">>> echo 'hello world'\nhello world\n"

# The second line is the shell's message.
printf "ech this-will-fail" >"$q/pending/2"
wait_in failed 2
case $(readlink -f /bin/sh) in
*dash) words='sh: 1: ech: not found' ;;
*busybox*) words='sh: ech: not found' ;;
*) words=$(sed -n 2p "$q/failed/2") ;;
esac
assert_file "$q/failed/2" '>>> ech this-will-fail\n%s\n\n\n[System Error]: exit status 127\n' "$words"

before=$(call times "$q/failed/2")
mv "$q/failed/2" "$q/pending"
wait_for '[ -e "$q/failed/2" ] && [ "$(call times "$q/failed/2")" != "$before" ]'
assert_eq 3 "$(counter total_started)" "attempts"
rm "$q/failed/2"
assert_eq "" "$(where 2)" "where 2 is"
assert_eq 1 "$(ls "$q/complete")" "ls complete"
