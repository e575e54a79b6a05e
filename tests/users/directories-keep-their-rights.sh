# alone
# Mode, owner and group of the directories are those of [mount] until chmod and chown change them, which lasts.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"

config workers=0 '[mount]' mode=3770 "owner=$carol" "group=$team"
start_filed
rights() { stat -c '%a %U:%G' "$q/$1"; }
for dir in . pending active failed complete; do
	assert_eq "3770 $carol:$team" "$(rights $dir)" "rights of $dir as configured"
done
assert_eq '644 root:root 444 root:root 444 root:root' \
	"$(stat -c '%a %U:%G' "$q/config.ini" "$q/new-id" "$q/status" | xargs)" "special files"
# The owner may change the mode, and the group to a group of the owner. Other users may not. The kernel keeps
# the set-group bit for users who are not in the group.
as_user "$carol" chmod 1777 "$q/failed"
as_user "$carol" chgrp "$club" "$q/failed"
assert_fails EPERM as_user "$bob" chmod 777 "$q/pending"
assert_fails EPERM as_user "$carol" chown "$bob" "$q/pending"
assert_fails EPERM as_user "$alice" chgrp "$club" "$q/pending"
as_user "$carol" chmod 2770 "$q/active"
assert_eq "770 $carol:$team" "$(rights active)" "active after a chmod by one who is not in its group"
chown "$bob:$club" "$q/complete"
chmod 2750 "$q/complete"
for _ in 1 2; do
	assert_eq "3770 $carol:$team" "$(rights pending)" "rights of pending"
	assert_eq "1777 $carol:$club" "$(rights failed)" "rights of failed"
	assert_eq "770 $carol:$team" "$(rights active)" "rights of active"
	assert_eq "2750 $bob:$club" "$(rights complete)" "rights of complete"
	restart_filed
done
# A user who may only enter the mount gets no further.
assert_fails EACCES as_user 345678:456789 ls "$q"
as_user "$alice" ls "$q/pending"
