# Members of group filed use the queue; others do not see into it.
# alone
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/box.sh"
needs setpriv

filed_gid=$(awk -F: '$1 == "filed" { print $3 }' /etc/group)
as() { # GROUPS COMMAND…
	groups=$1
	shift
	setpriv --reuid 1234 --regid 1234 --groups "$groups" "$@"
}

rc start || fail "start"
as "$filed_gid" sh -c 'echo "id -un" >"$1/pending/mine"' - "$q"
wait_for '[ -e "$q/complete/mine" ]'
assert_eq '>>> id -un
filed' "$(as "$filed_gid" cat "$q/complete/mine")" "the log, read by the member"
as "$filed_gid" rm "$q/complete/mine"
assert_eq "" "$(ls "$q/complete")"

assert_fails EACCES as 1234 sh -c 'echo true >"$1/pending/theirs"' - "$q"
assert_fails EACCES as 1234 ls "$q/complete"
assert_eq "" "$(where theirs)"
rc stop || fail "stop"
