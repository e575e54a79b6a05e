# A text that does not parse changes nothing: write gives EINVAL at a complete bad line, close at one without
# a line end. Line and reason are in the log and on top of config.ini.
. "${0%/*}/../../lib/test.sh"
config workers=2
start_filed

echo "retries = 7" >"$q/config.ini"
cp "$q/config.ini" "$tmp/before"
# refused TEXT REASON [CALL]
refused() {
	# shellcheck disable=SC2059
	printf "$1" >"$tmp/text"
	assert_fails EINVAL sh -c 'call put "$1" <"$2"' - "$q/config.ini" "$tmp/text"
	grep -q "^${3-write}: " "$tmp/said" || fail "it was not ${3-write} that failed: $(cat "$tmp/said")"
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
refused 'retries = 5\nworkers = x' 'line 2: workers: ' close
refused 'job_size_limit = 9M\nupload_limit = 8M\n' 'line 2: upload_limit: ' close
assert_fails EINVAL cp "$tmp/text" "$q/config.ini"

# Too long is EFBIG.
awk 'BEGIN { for (i = 0; i < 10000; i++) print "; a comment" }' >"$tmp/long"
assert_fails EFBIG sh -c 'call put "$1" <"$2"' - "$q/config.ini" "$tmp/long"

# After a bad line the good ones before it and behind it change nothing, either.
for shell in sh bash "busybox sh"; do
	# shellcheck disable=SC2086
	$shell -c '{ echo "retries = 5"; echo "worker = 1" || echo refused >&2; echo "backoff = 9s"; } >"$1"' - \
		"$q/config.ini" 2>"$tmp/said" || true
	grep -q '^refused' "$tmp/said" || fail "echo of $shell says nothing: $(cat "$tmp/said")"
	grep -q '^retries *= 7 ' "$q/config.ini" || fail "a part of a bad text is applied"
	# shellcheck disable=SC2086 # the words of a shell
	if $shell -c 'echo "worker = 1" >"$1"' - "$q/config.ini" 2>"$tmp/said"; then fail "$shell: status 0"; fi
	# shellcheck disable=SC2086
	if $shell -c 'echo "worker = 1" >>"$1"' - "$q/config.ini" 2>"$tmp/said"; then fail "$shell: status 0"; fi
done
assert_fails EINVAL sh -c 'echo "worker = 1" | tee -a "$1"' - "$q/config.ini"

# The next that is right takes the remark away.
echo "retries = 6" >"$q/config.ini"
assert_eq '[queue]' "$(head -n 1 "$q/config.ini")" "first line"
submit x true
wait_in complete x
