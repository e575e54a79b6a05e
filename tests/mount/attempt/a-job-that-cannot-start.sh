# A job that cannot be started is a failed attempt, and its log says why.
. "${0%/*}/../../lib/test.sh"
config workers=1 retries=1 backoff=1ms
start_filed

printf '#!/does/not/exist\n' >"$q/pending/x"
wait_in failed x 20
assert_file "$q/failed/x" '>>> #!/does/not/exist\n\n\n[System Error]: could not start: %s\n' \
	"$(tail -n 1 "$q/failed/x" | sed 's/.*could not start: //')"
tail -n 1 "$q/failed/x" | grep -q -E 'could not start: .*(/does/not/exist|No such file|no such file)' ||
	fail "it says: $(tail -n 1 "$q/failed/x")"
assert_eq 2 "$(counter total_started)" "started"

printf '#!%s\n' "$tmp" >"$q/pending/folder"
wait_in failed folder 20
tail -n 1 "$q/failed/folder" | grep -q 'could not start: ' || fail "it says: $(tail -n 1 "$q/failed/folder")"

# The same if the shell is missing.
echo "shell = $tmp/no-shell" >"$q/config.ini"
submit y "echo y"
wait_in failed y 20
tail -n 1 "$q/failed/y" | grep -q 'could not start: .*' || fail "it says: $(tail -n 1 "$q/failed/y")"
echo "" >"$q/config.ini"
mv "$q/failed/y" "$q/pending/"
wait_in complete y 20
