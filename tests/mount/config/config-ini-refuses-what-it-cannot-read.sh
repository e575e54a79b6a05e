# A text that does not parse changes nothing: close gives EINVAL, and line and reason are in the log
# and on top of config.ini.
. "${0%/*}/../../lib/test.sh"
config workers=2
start_filed

echo "retries = 7" >"$q/config.ini"
cp "$q/config.ini" "$tmp/before"
# refused TEXT REASON
refused() {
	# shellcheck disable=SC2059
	printf "$1" >"$tmp/text"
	assert_fails EINVAL sh -c 'call put "$1" <"$2"' - "$q/config.ini" "$tmp/text"
	grep -q '^close: ' "$tmp/said" || fail "it was not close that failed: $(cat "$tmp/said")"
	first=$(head -n 1 "$q/config.ini")
	echo "$first" | grep -q -E "^; .*$2" || fail "the first line is: $first"
	grep -q -E "^filed: config.ini: $2" "$log" || fail "the log says: $(tail -n 1 "$log")"
	sed 1d "$q/config.ini" | cmp -s - "$tmp/before" || fail "settings have changed by: $1"
}
refused 'retries = 5\nworkers = -1\n' 'line 2: workers: .*-1'
refused 'retries = abc\n' 'line 1: retries: .*abc'
refused 'backoff = 5\n' 'line 1: backoff: .*unit'
refused '[queue]\nretrys = 5\n' 'line 2: unknown key .retrys.*did you mean .retries'
refused '[mount]\ndir = /tmp\n' 'line 1: '
refused 'workers\n' 'line 1: '
refused "workers = 1\\n\\n; $(printf '%0300d' 0)\\n" 'line 3: '
refused 'workers = 1\nworkers = 2\n' 'line 2: workers: set twice'
assert_fails EINVAL cp "$tmp/text" "$q/config.ini"

# Too long is EFBIG.
awk 'BEGIN { for (i = 0; i < 10000; i++) print "; a comment" }' >"$tmp/long"
assert_fails EFBIG sh -c 'call put "$1" <"$2"' - "$q/config.ini" "$tmp/long"

# The next that is right takes the remark away.
echo "retries = 6" >"$q/config.ini"
assert_eq '[queue]' "$(head -n 1 "$q/config.ini")" "first line"
submit x true
wait_in complete x
