# config.ini shows every setting of [queue] and where it is from. Written, it holds at once and over a
# restart; what is left out falls back to the file's value, or the default.
. "${0%/*}/../../lib/test.sh"
config workers=2 backoff=7s
start_filed

# shows KEY VALUE SOURCE
shows() {
	line=$(grep -E "^$1 *= " "$q/config.ini") || fail "config.ini lacks $1: $(cat "$q/config.ini")"
	echo "$line" | grep -q -E "^$1 += $2 +; $3\$" || fail "expected $1 = $2 ; $3, got: $line"
}
keys="workers retries backoff backoff_factor backoff_max timeout kill_grace stop_grace output_limit
job_size_limit keep_complete keep_failed durability shell"
head -n 1 "$q/config.ini" >"$tmp/head"
assert_file "$tmp/head" '[queue]\n'
for key in $keys; do grep -q "^$key *= .*; " "$q/config.ini" || fail "config.ini lacks $key"; done
shows workers 2 "$conf"
shows backoff 7s "$conf"
shows retries 3 default
shows output_limit 16M default
shows shell /bin/sh default

printf '[queue]\nretries = 5\nbackoff=9s ; slower\n# workers = 4\n\ntimeout = 2h' >"$q/config.ini"
shows retries 5 'set here'
shows backoff 9s 'set here'
shows timeout 2h 'set here'
shows workers 2 "$conf"
restart_filed
shows retries 5 'set here'
shows backoff 9s 'set here'
shows workers 2 "$conf"

# What it shows can be written back as it is: that changes nothing.
cp "$q/config.ini" "$tmp/copy"
cp "$tmp/copy" "$q/config.ini"
assert "nothing has changed" cmp -s "$tmp/copy" "$q/config.ini"
sed 's/^retries.*/retries = 4/' "$tmp/copy" >"$q/config.ini"
shows retries 4 'set here'
shows backoff 9s 'set here'

# A value that is the file's anyway is not set here; what is left out falls back.
echo 'backoff = 7s' >"$q/config.ini"
shows backoff 7s "$conf"
shows retries 3 default
shows timeout 0 default
: >"$q/config.ini"
shows backoff 7s "$conf"
kill9
start_filed
shows backoff 7s "$conf"
shows retries 3 default

# It holds for the next attempt.
echo "retries = 0" >"$q/config.ini"
submit x "exit 1"
wait_in failed x
assert_eq 1 "$(counter total_started)" "started"
