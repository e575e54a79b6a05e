# A name that a job has in any of the four directories cannot be created again: EEXIST.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=0
start_filed

submit_to_each
for id in c f a; do
	assert_fails EEXIST sh -c 'echo "echo second" | call put "$1"' - "$q/pending/$id"
	assert_fails EEXIST touch "$q/pending/$id"
	assert "a shell sees it, too" sh -c '! printf x >"$1"' - "$q/pending/$id" 2>/dev/null
done
submit p "echo p"
assert_fails EEXIST sh -c 'echo "echo second" | call put "$1" excl' - "$q/pending/p"
assert_eq "pending active failed complete" "$(where p) $(where a) $(where f) $(where c)" "places"

# Also while it is being created, and for exactly one of many at once.
exec 3>"$q/pending/new"
assert_fails EEXIST sh -c 'echo x | call put "$1" excl' - "$q/pending/new"
exec 3>&-
rm "$q/pending/new"
for i in 1 2 3 4 5 6 7 8; do
	(echo "echo $i" | call put "$q/pending/race" excl >/dev/null && echo "$i" >>"$tmp/won") &
	pids="${pids-} $!"
done
for pid in $pids; do wait "$pid" || :; done
assert_eq 1 "$(grep -c . "$tmp/won")" "winners"
assert_file "$q/pending/race" 'echo %s\n' "$(cat "$tmp/won")"
