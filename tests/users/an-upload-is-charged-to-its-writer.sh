# alone
# Text that is written and not closed is held in memory. If it exceeds a user's upload_limit, or if the user has too
# many empty files open, the user gets EDQUOT. Other users are not affected.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"

config workers=0 job_size_limit=64K upload_limit=128K '[mount]' mode=1777
start_filed
p=$q/pending
yes 'echo 1234567' | head -c 60000 >"$tmp/text"
chmod 644 "$tmp/text"

holders=
# hold WHO ID: that user writes 60 kB and does not close it.
hold() {
	as_user "$1" sh -c 'exec 3>"$1"; cat "$2" >&3 && echo held && exec sleep 100' - "$p/$2" "$tmp/text" \
		>"$tmp/held.$2" 2>&1 &
	holders="$holders $!"
	held=$tmp/held.$2
	wait_for '[ -s "$held" ]'
	assert_eq held "$(cat "$held")" "writing"
}
hold "$alice" a
hold "$alice" b
assert_fails EDQUOT as_user "$alice" call put "$p/c" <"$tmp/text"
assert 'what did not fit was not kept' [ ! -e "$p/c" ]
as_user "$bob" call put "$p/d" <"$tmp/text"
as_user "$carol" call put "$p/e" <"$tmp/text"
call put "$p/f" <"$tmp/text"
# shellcheck disable=SC2086
kill $holders
wait_for 'as_user "$alice" call put "$p/g" <"$tmp/text" >/dev/null'
assert_eq 60000 "$(stat -c %s "$p/a")" "size of what was held, and is closed"

# A removed job that is still open is held as well; beyond the limit its reader gets an error, and memory stays.
i=0
while [ $i -lt 8 ]; do
	i=$((i + 1))
	as_user "$alice" call put "$p/.x$i" <"$tmp/text"
done
as_user "$alice" sh -c '
	exec 3<"$1/.x1" 4<"$1/.x2" 5<"$1/.x3"
	rm "$1/.x1" "$1/.x2" "$1/.x3"
	cat <&3 | wc -c; cat <&4 | wc -c; cat <&5 2>&1 | wc -c' - "$p" >"$tmp/sizes"
assert_eq "60000 60000" "$(head -n 2 "$tmp/sizes" | xargs)" "what the readers of removed jobs get"
assert 'the third is refused' [ "$(sed -n 3p "$tmp/sizes")" -lt 60000 ]
as_user "$bob" call put "$p/.y" <"$tmp/text"

# Empty files count by number.
mkfifo -m 666 "$tmp/end"
as_user "$alice" sh -c 'exec open-many "$1" 1000 <"$2"' - "$p/.n" "$tmp/end" >"$tmp/opened" 2>&1 &
opener=$!
exec 9>"$tmp/end"
wait_for '[ -s "$tmp/opened" ]'
grep -q -E '^256: .*[Qq]uota exceeded' "$tmp/opened" || fail "it says $(cat "$tmp/opened")"
as_user "$bob" call put "$p/.z" </dev/null
assert_fails EDQUOT as_user "$alice" call put "$p/.z2" </dev/null
exec 9>&-
wait "$opener"
wait_for 'as_user "$alice" call put "$p/.z2" </dev/null >/dev/null'
