# The state belongs to the user that serves. One of an older filed is taken over; one that jobs could have written
# or could replace is refused and stays as it was.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"
needs python3

folder=$tmp/state
state=$folder/filed.db
mkdir -m 750 "$folder"
serving=$(id -u filed-serve 2>/dev/null || echo 65529)
for_alice() { config workers=1 retries=0 '[mount]' mode=1777 '[daemon]' user="$alice"; }
for_owners() { config workers=1 retries=0 '[mount]' mode=1777; }
owners() { stat -c '%u %a' "$folder" "$state" | xargs; }
refused() { # WORDS: a start says these, and leaves the owners as they are
	before=$(stat -c '%n %u %g %a' "$folder" "$folder"/*)
	! filed -c "$conf" -state "$state" "$q" >"$tmp/said" 2>&1 || fail "it starts"
	grep -q -- "$1" "$tmp/said" || fail "it says: $(cat "$tmp/said")"
	assert_eq "$before" "$(stat -c '%n %u %g %a' "$folder" "$folder"/*)" "the owners"
}

# As an older filed had it: the directory and the file are the user's. The job is still there.
for_owners
start_filed
submit .job 'id -un'
stop_filed
alice_has_it() {
	chown "$alice:$team" "$folder" "$folder"/*
	chmod 770 "$folder"
}
alice_has_it
# Not while a process of the user could go on writing it.
for_alice
as_user "$alice" sleep 1000 <>"$state" &
holder=$!
wait_for 'as_user "$alice" readlink "/proc/$holder/fd/0" | grep -q filed.db'
refused 'a process has it open'
kill "$holder"
wait "$holder" || :
# The state of another queue may be there, too.
cp -p "$state" "$folder/mail.db"
start_filed
assert_eq "$serving 750 $serving 600" "$(owners)" "owners"
rm "$folder/mail.db"
others=$(find "$folder" -mindepth 1 '(' ! -uid "$serving" -o ! -perm 600 ')')
assert_eq '' "$others" "what does not belong to the server"
grep -q "filed.db: belonged to user $(id -u "$alice"), and now to user $serving" "$log" || fail "it is not said"
mv "$q/pending/.job" "$q/pending/job"
wait_in complete job
assert_eq "$alice" "$(sed 1d "$q/complete/job")" "the job"
# The user of the jobs can still look up its own files there, and no more.
assert_fails EACCES as_user "$alice" touch "$folder/new"
assert_fails EACCES as_user "$alice" cat "$state"
restart_filed
stop_filed

# In owner mode the same state is fine, but not one that a user could have written.
for_owners
start_filed
stop_filed
alice_has_it
refused "belongs to user $(id -u "$alice")"
chown 0 "$state"*
start_filed
assert_eq "$serving" "$(stat -c %u "$state")" "owner"
stop_filed

for_alice
alice_has_it
chown "$bob" "$state"
refused "belongs to user $(id -u "$bob")"

# Not taken over: a directory with other things, one that others may write, too, one in a directory of the user.
alice_has_it
touch "$folder/other"
refused 'jobs could replace it'
rm "$folder/other"
chown 0 "$folder"
refused "may write $folder"
chown -R 0:0 "$folder"
chmod 755 "$folder"
mkdir "$tmp/above"
chown "$alice" "$tmp/above"
mv "$folder" "$tmp/above"
folder=$tmp/above/state state=$tmp/above/state/filed.db
refused "may write $tmp/above"
mv "$folder" "$tmp"
folder=$tmp/state state=$tmp/state/filed.db

# Hard links, and links.
alice_has_it
chmod 700 "$folder"
ln "$state" "$folder/filed.db-journal"
refused 'another name'
rm "$folder/filed.db-journal"
echo root >"$tmp/roots"
rm "$folder"/*
for name in filed.db filed.db-wal; do
	ln -s "$tmp/roots" "$folder/$name"
	refused 'not a regular file'
	rm "$folder"/*
done
assert_eq root "$(cat "$tmp/roots")" "a file of root's"

# What is not filed's keeps its owner.
python3 -c '
import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("CREATE TABLE other(x)")' "$state"
chown "$alice" "$state"
chmod 644 "$state"
refused 'not a filed state file'
rm "$state"

# A new state, and a start in an empty directory of the user.
start_filed
assert_eq "$serving 700 $serving 600" "$(owners)" "owners"
stop_filed
