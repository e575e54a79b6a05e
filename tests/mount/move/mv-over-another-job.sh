# mv onto another job replaces it only in pending, and only if it is not open. Else EEXIST.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0
start_filed

for id in c1 c2; do submit $id "echo $id"; done
for id in f1 f2; do submit $id "exit 1"; done
for id in c1 c2; do wait_in complete $id; done
for id in f1 f2; do wait_in failed $id; done
submit busy "sleep 1000"
wait_in active busy
submit old "echo old"
submit .new "echo new"
submit .third "echo third"
exec 3>"$q/pending/open"

assert_fails EEXIST call rename "$q/complete/c1" "$q/complete/c2"
assert_fails EEXIST call rename "$q/failed/f1" "$q/failed/f2"
assert_fails EEXIST call rename "$q/failed/f1" "$q/pending/old"
assert_fails EEXIST call rename "$q/complete/c1" "$q/pending/old"
assert_fails EEXIST call rename "$q/pending/old" "$q/failed/f1"
assert_fails EEXIST call rename "$q/active/busy" "$q/failed/f1"
assert_fails EEXIST call rename "$q/active/busy" "$q/pending/old"
# An id that is used in another directory is refused.
for id in c1 f1 busy; do assert_fails EEXIST call rename "$q/pending/old" "$q/pending/$id"; done
assert_fails EEXIST call noreplace "$q/pending/.new" "$q/pending/old"
assert_fails EBUSY call rename "$q/pending/.new" "$q/pending/open"
assert_fails EPERM call exchange "$q/pending/.new" "$q/pending/old"
assert_fails EPERM call exchange "$q/complete/c1" "$q/complete/c2"
exec 3>&-
assert_eq active "$(where busy)" "where busy is"
assert_file "$q/pending/old" 'echo old'
assert_file "$q/complete/c1" '>>> echo c1\nc1\n'

mv "$q/pending/.new" "$q/pending/old"
assert_file "$q/pending/old" 'echo new'
assert_eq "" "$(where .new)" "where .new is"
call noreplace "$q/pending/.third" "$q/pending/third"
rm "$q/active/busy"
wait_in complete old
wait_in complete third
assert_file "$q/complete/old" '>>> echo new\nnew\n'
