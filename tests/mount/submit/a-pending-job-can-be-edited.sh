# A pending job can be read, appended to, rewritten, truncated and replaced: what runs is the last text.
. "${0%/*}/../../lib/test.sh"
config workers=0
start_filed

for id in append rewrite truncate replace patch size; do submit "$id" "echo old"; done
printf '; echo appended' >>"$q/pending/append"
printf 'echo rewritten' >"$q/pending/rewrite"
: >"$q/pending/truncate"
printf 'echo from a temporary' >"$q/pending/.replace.tmp"
mv "$q/pending/.replace.tmp" "$q/pending/replace"
printf 'new' | dd of="$q/pending/patch" bs=1 seek=5 conv=notrunc 2>/dev/null
call size "$q/pending/size" 4

assert_file "$q/pending/append" 'echo old; echo appended'
assert_file "$q/pending/rewrite" 'echo rewritten'
assert_file "$q/pending/truncate" ''
assert_file "$q/pending/replace" 'echo from a temporary'
assert_file "$q/pending/patch" 'echo new'
assert_file "$q/pending/size" 'echo'
assert_eq "23 4 0" "$(stat -c %s "$q/pending/append" "$q/pending/size" "$q/pending/truncate" | xargs)" "sizes"
restart_filed
assert_file "$q/pending/patch" 'echo new'

echo "workers = 1" >"$q/config.ini"
for id in append rewrite replace patch; do wait_in complete "$id"; done
assert_file "$q/complete/append" '>>> echo old; echo appended\nold\nappended\n'
assert_file "$q/complete/rewrite" '>>> echo rewritten\nrewritten\n'
assert_file "$q/complete/replace" '>>> echo from a temporary\nfrom a temporary\n'
assert_file "$q/complete/patch" '>>> echo new\nnew\n'
assert_eq pending "$(where truncate)" "where truncate is"
