# The state file of an older filed is brought up to date at a start, and nothing of it is lost.
. "${0%/*}/../../lib/test.sh"
needs root # the states have jobs of several users
states=$(cd "${0%/*}/../../lib/states" && pwd)

for old in "$states"/*.db; do
	assert "a test's input is small" [ "$(wc -c <"$old")" -le 100000 ]
	config
	cp "$old" "$tmp/filed.db"
	start_filed
	assert_eq "7 1 2" "$(counter pending) $(counter waiting) $(counter drafts)" "pending, waiting and drafts"
	assert_eq "1 1" "$(counter failed) $(counter complete)" "failed and complete"
	assert_file "$q/complete/done" '>>> echo done\ndone\n'
	assert_file "$q/failed/broken" '>>> exit 3\n\n\n[System Error]: exit status 3\n'
	assert_file "$q/pending/.draft" 'echo draft'
	assert_eq "4102444800 1770" "$(stat -c %Y "$q/pending/later") $(stat -c %a "$q/failed")" "a time and a mode"
	if [ "$(id -u)" = 0 ]; then
		assert_eq "70001 0" "$(stat -c %u "$q/pending/of-70001") $(stat -c %Y "$q/pending/two")" "an owner and a time"
	fi
	echo "workers = 1" >"$q/config.ini"
	wait_for '[ "$(counter complete)" = 5 ]' 20
	assert_eq "2 1 2" "$(ls "$q/pending" | wc -l) $(counter waiting) $(counter drafts)" "what is left"
	stop_filed
	start_filed
	assert_eq "3 1 5" "$(counter pending) $(counter failed) $(counter complete)" "after another start"
	stop_filed
	rm "$tmp"/filed.db*
done
