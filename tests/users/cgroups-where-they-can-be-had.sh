# alone
# How attempts are kept together, in a machine as it is, without a mounted cgroup2, in other namespaces, where cgroups
# are read-only, without clone3(2), and for a user who is not root.
# limit: 300
if [ ! "${1-}" ]; then
	[ "$(id -u)" = 0 ] || exit 77
	for way in here no-clone3 detached read-only as-user; do
		echo "--- $way"
		case $way in
		detached | read-only) unshare -m sh "$0" "$way" ;;
		*) sh "$0" "$way" ;;
		esac || exit
	done
	unshare -C true 2>/dev/null || exit 0
	unshare -C sh "$0" here
	exit
fi
. "${0%/*}/../lib/test.sh"
needs fuse
mounts_of_cgroups() { awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts; }
config workers=2 retries=0
expected=cgroup
case $1 in
no-clone3)
	# It stays in force for all that this shell starts.
	[ "${2-}" ] || exec no_clone3 sh "$0" "$1" again
	;;
detached)
	umount -a -t cgroup2 2>/dev/null || true
	[ -z "$(mounts_of_cgroups)" ] || skip "cgroup2 cannot be unmounted"
	;;
read-only)
	[ -n "$(mounts_of_cgroups)" ] || exit 0
	mounts_of_cgroups | while read -r dir; do mount -o remount,bind,ro "$dir"; done
	expected=marks
	;;
as-user)
	. "${0%/*}/../lib/people.sh"
	as_user "$alice" env -u TEST_TMP -u TMPDIR sh "$0" user
	exit
	;;
user) expected=marks ;;
esac
if [ "$expected" = marks ]; then
	config workers=2 retries=0 '[sandbox]' cgroup=required
	if (filed -c "$conf" -state "$state" "$q") 2>"$tmp/said"; then fail "it started without cgroups"; fi
	grep -q '^filed: cgroup = required: ' "$tmp/said" || fail "it said: $(cat "$tmp/said")"
	config workers=2 retries=0
fi
start_filed
assert_eq "$expected" "$(counter containment)" "$1"
case $expected in
cgroup) line='^filed: each attempt has a cgroup, below /.*/*filed-[0-9a-f]*$' ;;
marks) line='^filed: attempts have no cgroups, but marks in their environments: .' ;;
esac
assert_eq 1 "$(grep -c "$line" "$log")" "lines of the log that say so"

# A job is in a group of its own, and dies of a removal.
submit a "cat /proc/self/cgroup; echo \$\$ >$tmp/pid; exec sleep 98765"
wait_for '[ -s "$tmp/pid" ]'
main=$(cat "$tmp/pid")
[ "$expected" = marks ] || wait_for 'grep -q "^0::.*/filed-[0-9a-f]*/[0-9]*$" "$q/active/a"'
rm "$q/active/a"
wait_gone "$main"
submit b "echo b"
wait_in complete b
stop_filed
if [ "$expected" = cgroup ] && dir=$(mounts_of_cgroups | head -n 1) && [ "$dir" ]; then
	place=$(sed -n 's/.*has a cgroup, below //p' "$log")
	assert "the directory is removed" [ ! -e "$dir$place" ]
fi
