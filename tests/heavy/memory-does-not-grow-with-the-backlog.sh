# Twenty thousand pending jobs cost the daemon no memory, and its start does not read them.
# limit: 300
. "${0%/*}/../lib/test.sh"
needs strace
[ "$slow" = 1 ] || skip "a sanitizer's memory says nothing"
config workers=0 durability=normal
start_filed

resident() { awk '/^VmRSS:/ { print $2 }' "/proc/$filed_pid/status"; }
fill() { # FROM TO
	i=$1
	while [ "$i" -lt "$2" ]; do
		echo "echo job number $i" >"$q/pending/job-$i"
		i=$((i + 1))
	done
}
fill 0 2000
before=$(resident)
pids=
for part in 0 1 2 3; do
	fill $((2000 + part * 4500)) $((6500 + part * 4500)) &
	pids="$pids $!"
done
for pid in $pids; do wait "$pid"; done
assert_eq 20000 "$(counter pending)" "pending"
after=$(resident)
# SQLite's cache of 2 MiB has been filled meanwhile.
assert "from $before to $after KiB" [ "$((after - before))" -lt 2560 ]
assert_eq 20000 "$(find "$q/pending" -name "job-*" | grep -c .)" "names in a listing"
listed=$(resident)
assert "after a listing: from $before to $listed KiB" [ "$((listed - before))" -lt 2560 ]

# The start reads a bounded part of the file. The file's size shows that there is more. Only root, because under strace
# fusermount3 would not have its rights.
[ "$(id -u)" = 0 ] || exit 0
stop_filed
size=$(stat -c %s "$state")
assert "the state is large: $size" [ "$size" -gt 2000000 ]
strace -D -f -e trace=read,pread64 -o "$tmp/reads" filed -c "$conf" -state "$state" "$q" 2>>"$log" &
filed_pid=$!
wait_for '[ -e "$q/status" ] || ! running "$filed_pid"' 30
bytes=$(awk '/pread64\(|read\(/ && $NF ~ /^[0-9]+$/ { n += $NF } END { print n + 0 }' "$tmp/reads")
assert "a start reads $bytes bytes" [ "$bytes" -lt 500000 ]
assert_eq 20000 "$(counter pending)" "pending"
