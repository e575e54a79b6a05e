# new-id gives ids of 8 digits and small letters, which no job has and which it never gives again: not
# after a restart, nor after a kill. A read takes one; an open or a stat does not.
. "${0%/*}/../../lib/test.sh"
config workers=0
start_filed

take() { # COUNT
	i=0
	while [ $i -lt "$1" ]; do
		cat "$q/new-id"
		i=$((i + 1))
	done >>"$tmp/ids"
}
take 20
restart_filed
take 20
kill9
start_filed
take 20
assert_eq 60 "$(sort -u "$tmp/ids" | grep -c .)" "different ids"
assert "they are 8 of [0-9a-z]" sh -c '! grep -q -v -E "^[0-9a-z]{8}\$" "$1"' - "$tmp/ids"

# next COUNT: the ids after the last one.
next() {
	awk -v last="$(tail -n 1 "$tmp/ids")" -v count="$1" 'BEGIN {
		digits = "0123456789abcdefghijklmnopqrstuvwxyz"
		for (i = 1; i <= length(last); i++) n = n * 36 + index(digits, substr(last, i, 1)) - 1
		for (k = n + 1; k <= n + count; k++) {
			text = ""
			for (m = k; length(text) < 8; m = int(m / 36)) text = substr(digits, m % 36 + 1, 1) text
			print text
		}
	}'
}

# Looking takes no id. The size is that of an id and a newline.
next 1 >"$tmp/next"
for i in 1 2 3; do
	: <"$q/new-id"
	assert_eq 9 "$(stat -c %s "$q/new-id")" "size"
	ls -l "$q" >"$tmp/ls"
done
take 1
assert_eq "$(cat "$tmp/next")" "$(tail -n 1 "$tmp/ids")" "the next id"
# One open shows one id, however it is read.
dd if="$q/new-id" of="$tmp/id" bs=1 2>"$tmp/dd" || fail "dd: $(cat "$tmp/dd")"
next 1 >"$tmp/next"
cat "$tmp/id" >>"$tmp/ids"
assert_eq "$(cat "$tmp/next")" "$(cat "$tmp/id")" "an id read byte by byte"

# The ids that would come next are taken by jobs: they are not given.
next 120 >"$tmp/next"
while read -r id; do : >"$q/pending/$id"; done <"$tmp/next"
: >"$tmp/ids"
take 30
assert_eq "" "$(sort "$tmp/ids" "$tmp/next" | uniq -d)" "ids of jobs that were given"
rm -f "$q"/pending/*

# Its use, as the manual shows it:
echo "workers = 2" >"$q/config.ini"
for i in 1 2 3; do echo "echo $i" >"$q/pending/$(cat "$q/new-id")"; done
wait_for '[ "$(counter complete)" = 3 ]'
assert_eq "1 2 3" "$(cat "$q"/complete/* | grep -v '>>>' | sort | xargs)" "outputs"
