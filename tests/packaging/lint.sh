# Every shell script is free of what shellcheck finds, and works in dash and busybox's ash.
. "${0%/*}/../lib/test.sh"
needs shellcheck

case $out in */release) ;; *) skip "once, with the plain build, is enough" ;; esac
cd "$top"
shellcheck -s dash tests/setup tests/run tests/demo tests/lib.sh tests/*/*.sh tests/*/*/*.sh filed.pre-install ||
	fail "see above"
shellcheck .ci/run || fail "see above"
# Variables that OpenRC and abuild read, functions that they call, and theirs that are used here.
shellcheck -s dash -e SC2034,SC2154,SC2317 openrc/filed.initd openrc/filed.confd || fail "see above"
shellcheck -s sh -e SC2034,SC2154,SC2317 APKBUILD || fail "see above"
for shell in dash "busybox sh"; do
	for file in tests/setup tests/run tests/demo tests/lib.sh tests/*/*.sh tests/*/*/*.sh openrc/filed.initd APKBUILD; do
		$shell -n "$file" || fail "$shell does not read $file"
	done
done
