# An id may have any bytes but / and NUL: blanks, newlines, UTF-8, what is no UTF-8, a dash in front.
. "${0%/*}/../../lib/test.sh"
config workers=2 retries=0
start_filed

printf 'line\nbreak' >"$tmp/1"
printf 'Schl\303\274ssel \360\237\224\221' >"$tmp/2"
printf '\377\376\001\033[31m\177' >"$tmp/3"
printf -- '-rf *' >"$tmp/4"
printf '%%s$(touch x)`id`"'\'\;\\ >"$tmp/5"
printf '~x' >"$tmp/6"
for i in 1 2 3 4 5 6; do
	id=$(cat "$tmp/$i")
	printf 'printf %%s "$FILED_ID"' >"$q/pending/$id"
	wait_for '[ -e "$q/complete/$id" ]'
	assert_file "$q/complete/$id" '>>> printf %%s "$FILED_ID"\n%s' "$id"
	(cd "$q/complete" && printf '%s\n' *) >"$tmp/listing"
	grep -q -a -F -x -e "$(tail -n 1 "$tmp/$i")" "$tmp/listing" || fail "the listing lacks $i"
	mv "$q/complete/$id" "$q/complete/$id.x"
	mv -- "$q/complete/$id.x" "$q/pending/$id"
	wait_for '[ -e "$q/complete/$id" ]'
done
assert_eq 6 "$(counter complete)" "complete"
restart_filed
for i in 1 2 3 4 5 6; do
	id=$(cat "$tmp/$i")
	assert_file "$q/complete/$id" '>>> printf %%s "$FILED_ID"\n%s' "$id"
	rm -- "$q/complete/$id"
done
# One line of the daemon's log stays one line, and none has control characters.
assert_eq 0 "$(LC_ALL=C grep -a -c -v '^filed: ' "$log" || :)" "stray lines in the log"
assert "the log is printable" sh -c '! LC_ALL=C tr -d "\n" <"$1" | LC_ALL=C grep -a -q "[[:cntrl:]]"' - "$log"
