# What cannot be understood on the command line is one line and status 2; -version and -help print.
. "${0%/*}/../../lib/test.sh"

# usage WORDS ARGUMENT…
usage() {
	words=$1
	shift
	status=0
	timeout 80 filed "$@" >"$tmp/out" 2>"$tmp/said" || status=$?
	assert_eq 2 "$status" "status of filed $*: $(cat "$tmp/said")"
	assert_eq 1 "$(grep -c '' "$tmp/said")" "lines of: $(cat "$tmp/said")"
	grep -q -E "^filed: .*$words" "$tmp/said" || fail "filed $* says: $(cat "$tmp/said")"
	assert_eq "" "$(cat "$tmp/out")" "output"
}
usage 'bogus' -bogus "$q"
usage 'state' -state
usage 'twice' -state "$state" -state "$state" "$q"
usage 'version' -version=1
usage 'more than one' "$q" "$tmp"
usage '' ''
usage 'port|99999' -connect 99999 "$q"
usage 'none' -network some "$q"
assert "no state was made" [ ! -e "$state" ]

filed -version >"$tmp/out"
grep -q -E '^filed [0-9.]+$' "$tmp/out" || fail "-version prints $(cat "$tmp/out")"
filed --version | cmp -s - "$tmp/out" || fail "--version is another"
filed --help >"$tmp/out"
grep -q '^usage: filed ' "$tmp/out" || fail "--help prints $(cat "$tmp/out")"
for help in -h -help help; do
	filed $help | cmp -s - "$tmp/out" || fail "filed $help is another"
done
if [ ! -e /etc/filed/filed.conf ]; then
	status=0
	filed >"$tmp/out2" 2>"$tmp/said" || status=$?
	assert_eq 2 "$status" "status of filed alone"
	assert_eq "" "$(cat "$tmp/out2")" "output of filed alone"
	sed 1q "$tmp/said" | grep -q '^filed: no MDIR is given' || fail "filed alone says: $(cat "$tmp/said")"
	sed 1d "$tmp/said" | cmp -s - "$tmp/out" || fail "filed alone prints no help"
fi
for option in -c -state -check -backup -ready-fd -version -help -ro -rw -connect -bind -network; do
	grep -q -e " ${option}[ ,]" "$tmp/out" || fail "--help lacks $option"
done

# Both forms mean the same.
needs fuse
for form in "-state=$state" "--state=$state" "--state $state"; do
	# shellcheck disable=SC2086
	filed $form "$q" 2>>"$log" &
	filed_pid=$!
	wait_for '[ -e "$q/status" ] || ! running "$filed_pid"' 20
	assert "the state is there: $form" [ -e "$state" ]
	stop_filed
	rm "$state"
done
