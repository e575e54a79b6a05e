# alone
# In owner mode an attempt is its job's owner: ids, groups, home, what it creates.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"

config workers=4 retries=0 '[mount]' mode=1777
start_filed
mkdir -m 1777 "$tmp/made"

# output ID: of a job that is complete.
output() {
	wait_in complete "$1"
	sed -n 's/^out //p' "$q/complete/$1"
}
who='echo out $(id -un) $(id -gn) $(id -Gn | tr " " "\n" | sort) $HOME $USER $LOGNAME $(pwd); '
who=$who'grep -E "^(Uid|Gid|CapPrm|CapBnd):" /proc/self/status | sed "s/^/out /" | xargs -n 100 echo'

by "$alice" alice "$who; echo a >$tmp/made/by-alice"
expected_groups=$(printf '%s\n' "$team" "$club" | sort | xargs)
home=$tmp/home/$alice
id=$(id -u "$alice") group=$(id -g "$alice")
assert_eq "$alice $team $expected_groups $home $alice $alice $home
Uid: $id $id $id $id out Gid: $group $group $group $group out CapPrm: 0000000000000000 out CapBnd: 0000000000000000" \
	"$(output alice)" "alice's job"
assert_eq "$alice:$team 644" "$(stat -c '%U:%G %a' "$tmp/made/by-alice")" "what it has made"
by "$carol" carol 'echo out $(id -un) $(id -Gn) $HOME'
assert_eq "$carol $club $tmp/home/$carol" "$(output carol)" "carol's job"

# A group that the owner has chosen, and is in.
by "$alice" .chosen 'echo out $(id -gn)'
as_user "$alice" chgrp "$club" "$q/pending/.chosen"
as_user "$alice" mv "$q/pending/.chosen" "$q/pending/chosen"
assert_eq "$club" "$(output chosen)" "group"

# A user without an entry in passwd.
by 345678:456789 number 'echo out $(id -u) $(id -g) $(id -G) $HOME $USER $(pwd)'
assert_eq "345678 456789 456789 / 345678 /" "$(output number)" "a job of a number"
assert_eq 345678:456789 "$(stat -c %u:%g "$q/complete/number")" "owner"

# Root's job runs as root with all rights: it reads a file that only another user may read.
install -m 600 -o "$alice" /dev/null "$tmp/made/private"
echo "cat $tmp/made/private && chown 12:34 $tmp/made/private && echo out \$(id -u)" >"$q/pending/root"
assert_eq 0 "$(output root)" "root's job"
assert_eq 12:34 "$(stat -c %u:%g "$tmp/made/private")" "what root's job has given away"

# A job that root has given away runs as its new owner.
echo 'echo out $(id -un)' >"$q/pending/.given"
chown "$bob" "$q/pending/.given"
mv "$q/pending/.given" "$q/pending/given"
assert_eq "$bob" "$(output given)" "a job that was given away"
# The same if another user runs it again.
chmod 0777 "$q/pending" "$q/complete"
as_user "$carol" mv "$q/complete/given" "$q/pending/again"
assert_eq "$bob" "$(output again)" "a job that another ran again"
# A user who replaces a job gets the own text run as that user.
by "$alice" .target 'echo out $(id -un) of alice'
by "$bob" .source 'echo out $(id -un) of bob'
as_user "$bob" mv -f "$q/pending/.source" "$q/pending/.target"
mv "$q/pending/.target" "$q/pending/target"
assert_eq "$bob of bob" "$(output target)" "a job that was replaced"

# In a setgid directory files get its group, so that the group can read them. Jobs do not: to submit one would
# make a member of anybody.
chgrp "$team" "$q/pending"
chmod 2777 "$q/pending"
by "$carol" setgid 'echo out $(id -gn) $(id -Gn)'
by 345678:456789 setgid-number 'echo out $(id -u) $(id -G)'
assert_eq "$club $club" "$(output setgid)" "groups of carol's job in the team's directory"
assert_eq "$carol:$team" "$(stat -c %U:%G "$q/complete/setgid")" "owner and group of its file"
as_user "$bob" cat "$q/complete/setgid" >/dev/null
assert_eq "345678 65534" "$(output setgid-number)" "groups of a number's job in the team's directory"
restart_filed
assert_eq "2777 root:$team" "$(stat -c '%a %U:%G' "$q/pending")" "pending after a restart"
by 345678:456789 setgid-later 'echo out $(id -G)'
assert_eq 65534 "$(output setgid-later)" "the same later"
