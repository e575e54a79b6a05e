# A link filed.mail is a queue of its own, beside the first.
# alone
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/box.sh"

ln -s filed /etc/init.d/filed.mail
sed -e 's|/var/spool/filed|/var/spool/mailjobs|; s|/var/lib/filed/|/var/lib/mailjobs/|' \
	/etc/filed/filed.conf >/etc/filed/mail.conf

rc start || fail "start of filed"
rc start filed.mail || fail "start of filed.mail"
echo "echo post" >/var/spool/mailjobs/pending/1
echo "echo first" >"$q/pending/1"
wait_for '[ -e /var/spool/mailjobs/complete/1 ]'
wait_in complete 1
assert_file /var/spool/mailjobs/complete/1 '>>> echo post\npost\n'
assert_file "$q/complete/1" '>>> echo first\nfirst\n'
assert "it has a state of its own" [ -s /var/lib/mailjobs/filed.db ]
assert_eq "750 filed-serve filed" "$(stat -c '%a %U %G' /var/lib/mailjobs)" "its directory"

rc stop || fail "stop of filed"
rc status filed.mail || fail "filed.mail stopped with the other"
assert "it still answers" grep -q '^workers ' /var/spool/mailjobs/status
rc stop filed.mail || fail "stop of filed.mail"
