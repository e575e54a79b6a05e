# Names that end in ~ or stand between # are drafts, and those with an ending in the setting drafts. It is decided when
# the job gets the name.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0
start_filed

for id in 1~ '#1#' '#.1#' '.#1' '~'; do submit "$id" "echo ran >>$tmp/ran"; done
submit '#' true
submit '#x' true
submit 'x#' true
submit 'a~b' true
submit 1.bak true
for id in '#' '#x' 'x#' 'a~b' 1.bak; do wait_in complete "$id"; done
assert_eq "5 5" "$(counter pending) $(counter drafts)" "pending jobs and drafts"
restart_filed
echo 'drafts = .bak .orig' >>"$q/config.ini"
submit 2.bak true
submit 2.orig true
submit 2.tmp true
wait_in complete 2.tmp
assert_eq "7 7" "$(counter pending) $(counter drafts)" "pending jobs and drafts"
chmod 600 "$q/pending/2.bak"

# The setting holds for names that are given later.
echo 'drafts = none' >>"$q/config.ini"
restart_filed
submit 3.bak true
wait_in complete 3.bak
assert_eq pending "$(where 2.bak)" "where 2.bak is"
mv "$q/pending/2.bak" "$q/pending/4.bak"
wait_in complete 4.bak

# A rename makes a draft, and releases one.
submit .held "echo held"
mv "$q/pending/.held" "$q/pending/held~"
assert_eq 7 "$(counter drafts)" "drafts"
mv "$q/pending/held~" "$q/pending/held"
wait_in complete held
mv "$q/complete/held" "$q/pending/held~"
assert_eq "pending 7" "$(where held~) $(counter drafts)" "where held~ is, and drafts"
mv "$q/pending/held~" "$q/pending/again"
wait_in complete again
assert "no draft has run" [ ! -e "$tmp/ran" ]
