# With a sandbox, filed itself reads and writes nothing but its state, its configuration and the queue.
. "${0%/*}/../lib/test.sh"

mkdir "$tmp/conf" "$tmp/data" "$tmp/state" "$tmp/other"
state=$tmp/state/filed.db
conf=$tmp/conf/filed.conf
printf '[queue]\nretries = 1\n[sandbox]\nro = %s\n' "$tmp/data" >"$conf"
chmod 755 "$tmp/conf"
start_filed

# A configuration that was replaced is read all the same.
sed 's/retries = 1/retries = 2/' "$conf" >"$tmp/conf/new"
mv "$tmp/conf/new" "$conf"
kill -HUP "$filed_pid"
wait_for 'grep -q "^retries *= 2" "$q/config.ini"'

# A configuration elsewhere is not read, although any user may read it. Nor is a file that only jobs were granted.
for folder in "$tmp/other" "$tmp/data"; do
	sed 's/retries = 2/retries = 3/' "$conf" >"$folder/elsewhere"
	ln -sf "$folder/elsewhere" "$conf.link"
	mv "$conf" "$conf.kept"
	mv "$conf.link" "$conf"
	: >"$log"
	kill -HUP "$filed_pid"
	wait_for 'grep -q "Permission denied" "$log"'
	mv "$conf.kept" "$conf"
done
grep -q "^retries *= 2" "$q/config.ini"

# It still serves jobs, settings and the notifier's renames.
submit 1 'echo confined'
wait_in complete 1
assert_file "$q/complete/1" '>>> echo confined\nconfined\n'
