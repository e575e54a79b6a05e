# Each error of a configuration is one line with file, line and reason; nothing is started. -check tells
# the same.
. "${0%/*}/../../lib/test.sh"

# refused LINE WORDS TEXT
refused() {
	# shellcheck disable=SC2059
	printf "$3" >"$tmp/bad.conf"
	place=$tmp/bad.conf${1:+:$1}
	for check in '' -check; do
		status=0
		# shellcheck disable=SC2086
		timeout 80 filed $check -c "$tmp/bad.conf" -state "$state" "$q" >"$tmp/out" 2>"$tmp/said" || status=$?
		assert_eq 1 "$status" "status with $3"
		assert_eq 1 "$(grep -c '' "$tmp/said")" "lines of: $(cat "$tmp/said")"
		case $(cat "$tmp/said") in
		"filed: $place: "*) ;;
		*) fail "for $3 it says: $(cat "$tmp/said")" ;;
		esac
		grep -q -E "$2" "$tmp/said" || fail "for $3 it says: $(cat "$tmp/said")"
		assert_eq "" "$(cat "$tmp/out")" "output"
	done
	assert "no state was made" [ ! -e "$state" ]
}
refused 2 'workers.*-1' '[queue]\nworkers = -1\n'
refused 2 'retries.*abc' '[queue]\nretries = abc\n'
refused 3 'backoff.*needs a unit' '[queue]\n; a comment\nbackoff = 5\n'
refused 2 'output_limit' '[queue]\noutput_limit = 10X\n'
refused 2 'durability.*full, normal' '[queue]\ndurability = some\n'
refused 2 'unknown key.*retrys.*retries' '[queue]\nretrys = 3\n'
refused 1 'unknown section.*queu.*queue' '[queu]\nretries = 3\n'
refused 2 'unknown key.*dir.*\[mount\]' '[queue]\ndir = /tmp\n'
refused 1 'before the first' 'workers = 1\n'
refused 2 '' '[queue]\nworkers\n'
refused 1 '' '[queue\nworkers = 1\n'
refused 3 'set twice' '[queue]\nworkers = 1\nworkers = 2\n'
refused 2 'a line of 254 bytes' "[env]\\nX = $(printf '%0250d' 0)\\n"
refused 2 'mode' '[mount]\nmode = 999\n'
refused 2 'not an absolute path' '[mount]\ndir = tmp\n'
refused 2 'FILED_' '[env]\nFILED_ID = 1\n'
refused 2 'nice' '[limits]\nnice = 99\n'
refused 2 'port|99999' '[sandbox]\nconnect = 99999\n'

status=0
filed -c "$tmp/none.conf" -state "$state" "$q" 2>"$tmp/said" || status=$?
assert_eq "1 filed: $tmp/none.conf: No such file or directory" "$status $(cat "$tmp/said")" "no such file"

config workers=2 '[env]' A=1
assert_eq 0 "$(filed -check -c "$conf" -state "$state" "$q" >/dev/null && echo 0)" "a sound one"
assert "-check starts nothing" [ ! -e "$state" ]
