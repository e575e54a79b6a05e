# With one worker, jobs run in the order in which ls -ltr pending shows them.
. "${0%/*}/../../lib/test.sh"
config workers=0
start_filed

second=10
for id in c a d b first e draft2; do
	submit "$id" "echo \$FILED_ID >>$tmp/order"
	second=$((second + 1)) # busybox's ls sees no smaller differences
	touch -d "2026-01-01 00:00:$second" "$q/pending/$id"
done
touch -d @0 "$q/pending/first" # at the head
touch "$q/pending/a"           # behind all
touch -d '2020-02-02 00:00:00' "$q/pending/e"
mv "$q/pending/draft2" "$q/pending/.draft2"
mv "$q/pending/.draft2" "$q/pending/renamed" # keeps its place
ls -tr "$q/pending" >"$tmp/expected-order"
assert_file "$tmp/expected-order" 'first\ne\nc\nd\nb\nrenamed\na\n'
echo "workers = 1" >"$q/config.ini"
wait_for '[ "$(counter complete)" = 7 ]' 20
assert "they ran in this order: $(xargs <"$tmp/order")" cmp -s "$tmp/expected-order" "$tmp/order"

# Of jobs that are due at the same time, the one submitted first runs first.
echo "workers = 0" >"$q/config.ini"
rm "$tmp/order"
for id in s3 s1 s2; do
	submit "$id" "echo \$FILED_ID >>$tmp/order"
	touch -d '2021-01-01 00:00:00' "$q/pending/$id"
done
echo "workers = 1" >"$q/config.ini"
wait_for '[ "$(counter complete)" = 10 ]' 20
assert_file "$tmp/order" 's3\ns1\ns2\n'
