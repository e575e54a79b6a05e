# filed does not start with a state file, or a directory of it, that other users can write: they could plant jobs. A
# directory with the sticky bit is no such one. In a container it starts, and warns.
. "${0%/*}/../../lib/test.sh"
needs fuse
mkdir -m 700 "$tmp/place"
state=$tmp/place/filed.db
config workers=0
start_filed
submit .job "echo job"
stop_filed

in_container() {
	[ "$(tr -s ' ' </proc/self/uid_map)" != ' 0 0 4294967295' ] || [ -e /.dockerenv ] || [ -e /run/.containerenv ]
}

refused() {
	if in_container; then
		start_filed
		grep -q "$1: other users may write it" "$log" || fail "there is no warning"
		stop_filed
		return
	fi
	for check in -check ""; do
		status=0
		# shellcheck disable=SC2086
		timeout 80 filed $check -c "$conf" -state "$state" "$q" 2>"$tmp/said" || status=$?
		assert_eq 1 "$status" "status"
		grep -q "$1: other users may write it" "$tmp/said" || fail "it says: $(cat "$tmp/said")"
	done
}

for mode in 660 606; do
	chmod $mode "$state"
	refused "$state"
done
chmod 600 "$state" # a filed of root has done that
for mode in 770 777; do
	chmod $mode "$tmp/place"
	refused "$tmp/place"
done
chmod 1777 "$tmp/place"
start_filed
assert_file "$q/pending/.job" 'echo job'
