# Two hundred jobs of all kinds, dropped at once by cp from a directory, all end where they should, with the
# right logs; and after a stop and a start ls -l and cat of them are the same.
# limit: 300
. "${0%/*}/../lib/test.sh"
needs python3 perl gzip
config workers=4 retries=2 backoff=100ms timeout=10s kill_grace=1s
start_filed

mkdir "$tmp/jobs" "$tmp/wanted"
head -c 5000000 "$(command -v filed)" >"$tmp/five" # and over, to be five megabytes
while [ "$(stat -c %s "$tmp/five")" -lt 5000000 ]; do head -c 1000000 "$(command -v filed)" >>"$tmp/five"; done
head -c 5000000 "$tmp/five" >"$tmp/data"
sum=$(cksum <"$tmp/data")

# job ID OUTPUT: its text is standard input, what it prints is OUTPUT.
job() {
	cat >"$tmp/jobs/$1"
	{
		printf '>>> '
		cat "$tmp/jobs/$1"
		printf %s "$2"
	} >"$tmp/wanted/$1"
}
i=0
while [ $i -lt 200 ]; do
	n=$(printf %03d $i)
	case $((i % 20)) in
	0) job "gzip-$n" "$sum
" <<EOF
gzip -1 -c $tmp/data >$tmp/$n.gz
gzip -dc $tmp/$n.gz | cksum
rm $tmp/$n.gz
EOF
		;;
	1 | 2) job "python-$n" "python-$n 499500
" <<'EOF'
#!/usr/bin/env python3
import os
print(os.environ["FILED_ID"], sum(range(1000)))
EOF
		;;
	3 | 4) job "perl-$n" "perl-$n 4950
" <<'EOF'
#!/usr/bin/perl
my $n = 0; $n += $_ for 0 .. 99; print "$ENV{FILED_ID} $n\n";
EOF
		;;
	5) {
		echo "x=$n"
		printf ': %0200000d\n' 0
		echo 'echo long $x'
	} | job "long-$n" "long $n
" ;;
	6) echo "head -c 3000000 $tmp/data" | job "print-$n" "" &&
		head -c 3000000 "$tmp/data" >>"$tmp/wanted/print-$n" ;;
	7) echo "sleep 1000 & echo left" | job "fork-$n" "left
" ;;
	8) echo 'echo try $FILED_ATTEMPT; [ $FILED_ATTEMPT = 3 ]' | job "third-$n" "try 3
" ;;
	9) echo "echo bad; exit 9" | job "bad-$n" "bad


[System Error]: exit status 9
" ;;
	*) echo "echo small $n; echo to stderr >&2" | job "small-$n" "small $n
to stderr
" ;;
	esac
	i=$((i + 1))
done
rm "$tmp/jobs/small-199" "$tmp/wanted/small-199"
echo "echo waiting; sleep 1000" | job late "waiting


[System Error]: timed out after 10s
"
assert_eq 200 "$(ls "$tmp/jobs" | grep -c .)" "jobs"

cp "$tmp"/jobs/* "$q/pending/"
wait_for '[ "$(counter complete) $(counter failed)" = "189 11" ]' 120
check() {
	for job in "$tmp"/jobs/*; do
		id=${job##*/}
		case $id in bad-* | late) dir=failed ;; *) dir=complete ;; esac
		assert "$id is $dir" [ -e "$q/$dir/$id" ]
		cmp "$tmp/wanted/$id" "$q/$dir/$id" || fail "the log of $id is another"
	done
}
check
ls -l --full-time "$q/failed" "$q/complete" >"$tmp/before" 2>/dev/null || ls -l "$q/failed" "$q/complete" >"$tmp/before"
restart_filed
ls -l --full-time "$q/failed" "$q/complete" >"$tmp/after" 2>/dev/null || ls -l "$q/failed" "$q/complete" >"$tmp/after"
cmp "$tmp/before" "$tmp/after" || fail "ls -l shows something else after a restart"
check
