# 255 bytes are an id in every way; 256 are ENAMETOOLONG.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0
start_filed

id=$(printf '%0255d' 0)
submit "$id" "exit 1"
wait_in failed "$id"
mv "$q/failed/$id" "$q/failed/short"
mv "$q/failed/short" "$q/failed/$id"
assert_eq "$id" "$(ls "$q/failed")" "ls failed"

assert_fails ENAMETOOLONG sh -c 'echo true | call put "$1"' - "$q/pending/${id}0"
assert_fails ENAMETOOLONG call rename "$q/failed/$id" "$q/failed/${id}0"
assert_fails ENAMETOOLONG cat "$q/complete/${id}0"
assert_fails ENAMETOOLONG cat "$q/${id}0"
assert_fails ENAMETOOLONG rm "$q/failed/${id}0"
assert_eq "0 1" "$(counter pending) $(counter failed)" "pending and failed"
restart_filed
assert_file "$q/failed/$id" '>>> exit 1\n\n\n[System Error]: exit status 1\n'
