# The units are right in systemd's eyes, and cut off what a job queue has no use for.
. "${0%/*}/../lib/test.sh"
needs systemd-analyze

mkdir "$tmp/units"
for unit in filed.service filed@.service; do
	sed "s|/usr/bin/filed|$out/filed|g" "$top/systemd/$unit" >"$tmp/units/$unit"
done
cd "$tmp/units"
systemd-analyze verify --man=no --recursive-errors=no ./filed.service ./filed@mail.service >"$tmp/said" 2>&1 || :
assert_eq "" "$(grep -E '/(filed|filed@|filed@mail)\.service|^(filed|filed@)' "$tmp/said" || :)" "what verify says"
for unit in ./filed.service ./filed@.service; do
	systemd-analyze security --offline=yes --no-pager "$unit" >"$tmp/said" 2>&1 || fail "$(cat "$tmp/said")"
	exposure=$(sed -n 's/.*Overall exposure level for .*: \([0-9]*\)\..*/\1/p' "$tmp/said")
	assert "exposure of $unit is below 8: $exposure" [ "$exposure" -lt 8 ]
done

# The users and their directories come from what systemd-sysusers and systemd-tmpfiles are told.
mkdir -p "$tmp/root/etc"
systemd-sysusers --root="$tmp/root" "$top/systemd/filed.sysusers" >/dev/null 2>&1 || fail "systemd-sysusers"
for user in filed filed-serve; do
	assert "there is a user $user" grep -q "^$user:.*:/var/lib/filed:" "$tmp/root/etc/passwd"
	assert "there is a group $user" grep -q "^$user:" "$tmp/root/etc/group"
done
if [ "$(id -u)" = 0 ]; then
	systemd-tmpfiles --root="$tmp/root" --create "$top/systemd/filed.tmpfiles" || fail "systemd-tmpfiles"
	assert_eq "750 $(sed -n 's/^filed-serve:[^:]*:\([0-9]*\):.*/\1/p' "$tmp/root/etc/passwd") $(
		sed -n 's/^filed:[^:]*:\([0-9]*\):.*/\1/p' "$tmp/root/etc/group")" \
		"$(stat -c '%a %u %g' "$tmp/root/var/lib/filed")" "the state's directory"
	assert_eq "700 0 0" "$(stat -c '%a %u %g' "$tmp/root/var/spool/filed")" "the mount point"
fi
