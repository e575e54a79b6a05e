# Commands of [hooks] that hang for the jobs of one owner do not hold up those for the jobs of another.
. "${0%/*}/../lib/test.sh"
. "${0%/*}/../lib/people.sh"
mkfifo "$tmp/go"
cat >"$tmp/tell" <<EOF
#!/bin/sh
echo "\$FILED_ID" >>"$tmp/told"
case "\$FILED_ID" in a*) read x <"$tmp/go" ;; esac
EOF
chmod 755 "$tmp/tell"
config workers=4 retries=0 '[mount]' mode=1777 '[hooks]' "on_failure=$tmp/tell"
start_filed

for i in 1 2 3 4 5 6 7 8 9 10; do by "$alice" "a$i" false; done
wait_for '[ "$(counter failed)" = 10 ]' 30
wait_for '[ "$(grep -c a "$tmp/told")" = 4 ]'
by "$bob" b1 false
by "$bob" b2 false
wait_for 'grep -q b1 "$tmp/told"'
wait_for '[ "$(counter failed)" = 12 ]' 30
assert_eq 4 "$(grep -c a "$tmp/told")" "commands for the first owner's jobs"

# Each of them that ends makes room, and the second owner's next one goes first.
exec 3<>"$tmp/go"
echo >&3
wait_for 'grep -q b2 "$tmp/told"'
echo "1
2
3
4
5
6
7
8
9" >&3
wait_for '[ "$(wc -l <"$tmp/told")" = 12 ]' 30
