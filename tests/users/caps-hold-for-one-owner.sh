# The caps user_workers, user_jobs, user_bytes and user_open stop one owner and no other. They can be set while filed
# runs, and do not hold for root.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"
config workers=4 retries=0 '[mount]' mode=1777
start_filed
p=$q/pending

# submits WHO ID TEXT: yes, or the errno.
submits() {
	if by "$@" >"$tmp/said" 2>&1; then
		echo yes
	else
		grep -q -i 'quota exceeded' "$tmp/said" || fail "it says $(cat "$tmp/said")"
		echo EDQUOT
	fi
}

# user_workers: the others' jobs run, though there are workers for all.
echo 'user_workers = 1' >>"$q/config.ini"
mkfifo -m 666 "$tmp/go"
for i in 1 2 3; do by "$alice" "a$i" "read x <$tmp/go"; done
by "$bob" b "read x <$tmp/go"
wait_for '[ "$(counter active)" = 2 ]'
assert 'the first runs' [ -e "$q/active/a1" ]
assert 'another owner runs' [ -e "$q/active/b" ]
echo 'user_workers = 0' >>"$q/config.ini"
wait_for '[ "$(counter active)" = 4 ]'
for i in 1 2 3 4; do echo >"$tmp/go"; done
wait_for '[ "$(counter complete)" = 4 ]' 30
rm "$q"/complete/*

# user_jobs, by the number of all jobs; also for chown.
echo 'user_jobs = 2' >>"$q/config.ini"
assert_eq "yes yes EDQUOT" "$(submits "$alice" .1 x) $(submits "$alice" .2 x) $(submits "$alice" .3 x)" "user_jobs"
assert_eq yes "$(submits "$bob" .b x)" "another user"
for i in 1 2 3; do echo x >"$p/.r$i"; done
assert_fails EDQUOT chown "$alice" "$p/.r1"
as_user "$alice" rm "$p/.2"
chown "$alice" "$p/.r1"
assert_fails EDQUOT chown "$alice" "$p/.r2"
rm "$p/.1" "$p/.r1" "$p/.r2" "$p/.r3" "$p/.b"

# user_bytes, at write(2) and close(2); then of output.
printf 'user_jobs = 0\nuser_bytes = 100K\n' >>"$q/config.ini"
yes 'echo 1234567' | head -c 60000 >"$tmp/text"
chmod 644 "$tmp/text"
as_user "$alice" call put "$p/.1" <"$tmp/text"
assert_fails EDQUOT as_user "$alice" call put "$p/.2" <"$tmp/text"
assert 'what did not fit was not kept' [ ! -e "$p/.2" ]
as_user "$bob" call put "$p/.b" <"$tmp/text"
call put "$p/.r" <"$tmp/text"
assert_fails EDQUOT chown "$bob" "$p/.1"

by "$alice" prints 'i=0; while [ $i -lt 20000 ]; do echo "line $i"; i=$((i + 1)); done'
wait_in complete prints 30
grep -F -x -q 'line 0' "$q/complete/prints" || fail "the head is gone"
assert_eq 'line 19999' "$(tail -n 1 "$q/complete/prints")" "the tail"
cut='\[System Error\]: the owner has reached user_bytes: [0-9]* bytes left out here'
grep -q "^$cut\$" "$q/complete/prints" || fail "it does not say that the output was cut"
size=$(stat -c %s "$q/complete/prints")
assert "$size bytes of it are kept" [ "$size" -gt 30000 ]
assert "$size bytes of it are kept" [ "$size" -lt 40400 ]
assert_eq EDQUOT "$(submits "$alice" .3 x)" "at the cap"
rm "$q/complete/prints"
assert_eq yes "$(submits "$alice" .3 x)" "after rm"
rm "$p"/.[123br]

# user_open counts what readers have open, too.
printf 'user_bytes = 0\nuser_open = 2\n' >>"$q/config.ini"
by "$alice" .1 x 644
mkfifo -m 666 "$tmp/end"
as_user "$alice" sh -c 'exec 3<"$1" 4<"$1"; echo open; read x <"$2"' - "$p/.1" "$tmp/end" >"$tmp/opened" &
holder=$!
wait_for '[ -s "$tmp/opened" ]'
assert_fails EDQUOT as_user "$alice" cat "$p/.1"
assert_eq EDQUOT "$(submits "$alice" .2 x)" "creating a job"
assert_eq x "$(as_user "$bob" cat "$p/.1")" "what another user reads"
exec 3<"$p/.1" 4<"$p/.1" 5<"$p/.1"
exec 3<&- 4<&- 5<&-
echo >"$tmp/end"
wait "$holder"
wait_for 'as_user "$alice" cat "$p/.1" >"$tmp/said" 2>&1'
