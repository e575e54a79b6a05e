# A job is refused when its writer gets an error: nothing of it runs, also not a part for which a receipt was given
# before. A restart does not change that. It runs when it is written anew, renamed, or moved away and back.
. "${0%/*}/../../lib/test.sh"
needs getfattr
config workers=1 retries=0
start_filed

# attribute DIR/ID NAME
attribute() { getfattr --only-values -n "user.filed.$2" "$q/$1" 2>/dev/null || :; }

# No part of it was stored when the error came: it is gone.
assert_fails EFBIG sh -c 'echo "echo part" >"$1.text"; head -c 2097152 /dev/zero | tr "\0" x >>"$1.text"
	cat "$1.text" >"$2"' - "$tmp/big" "$q/pending/gone"
assert_eq "" "$(where gone)" "where it is"

# The end of a child process gives a receipt for what it has written.
for id in renamed rewritten appended moved; do
	assert_fails EFBIG sh -c '{ sh -c "echo echo part"; yes | head -c 2097152; } >"$1"' - "$q/pending/$id"
	assert_file "$q/pending/$id" 'echo part\n'
	assert_eq "File too large" "$(attribute "pending/$id" refused)" "the attribute"
done
assert_fails EINVAL sh -c '{ sh -c "echo echo part"; printf "\0" | cat; } >"$1"' - "$q/pending/nul"
assert_eq "Invalid argument" "$(attribute pending/nul refused)" "the attribute"
assert_eq 5 "$(counter drafts)" "drafts, empty and refused jobs"
assert_eq 5 "$(grep -c "refused, because its writer got an error" "$log")" "lines in the log"

# An older text does not run in its place either.
echo 'pause = yes' >>"$q/config.ini"
submit older "echo older"
assert_fails EFBIG sh -c 'yes | head -c 2097152 >"$1"' - "$q/pending/older"
echo 'pause = no' >>"$q/config.ini"

submit other "echo other"
wait_in complete other
restart_filed
submit another "echo another"
wait_in complete another
assert_eq 1 "$(counter total_started)" "starts"
assert_eq "appended moved nul older renamed rewritten" "$(ls "$q/pending" | xargs)" "pending"

mv "$q/pending/renamed" "$q/pending/renamed-again"
wait_in complete renamed-again
assert_file "$q/complete/renamed-again" '>>> echo part\npart\n'
echo 'echo whole' >"$q/pending/rewritten"
wait_in complete rewritten
assert_file "$q/complete/rewritten" '>>> echo whole\nwhole\n'
echo 'echo more' >>"$q/pending/appended"
wait_in complete appended
assert_file "$q/complete/appended" '>>> echo part\necho more\npart\nmore\n'
mv "$q/pending/moved" "$q/failed"
mv "$q/failed/moved" "$q/pending"
wait_in complete moved
assert_eq "nul older" "$(ls "$q/pending" | xargs)" "pending"
chmod 600 "$q/pending/older"
touch -d '2001-01-01' "$q/pending/older"
assert_eq "File too large" "$(attribute pending/older refused)" "after chmod and touch"
