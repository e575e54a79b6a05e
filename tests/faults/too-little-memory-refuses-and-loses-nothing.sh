# When filed gets no more memory, callers are told ENOMEM, and what was acknowledged stays; when what
# needed it is gone, all works again.
. "${0%/*}/../lib/test.sh"
case $out in *asan* | *tsan*) skip "sanitizers need more memory than that" ;; esac
config workers=0 upload_limit=1G
cat >"$tmp/limited" <<EOF2
#!/bin/sh
ulimit -v 60000
exec $out/filed "\$@"
EOF2
chmod 755 "$tmp/limited"
mkdir "$tmp/bin"
ln -s ../limited "$tmp/bin/filed"
PATH=$tmp/bin:$PATH
start_filed

submit first "echo first"
head -c 1000000 /dev/zero | tr '\0' x >"$tmp/text"
writers=''
i=0
while [ $i -lt 100 ]; do
	# Open files are in memory.
	(
		exec 3>"$q/pending/$i" && cat "$tmp/text" >&3 && echo $i >>"$tmp/written" && exec sleep 1000
	) 2>>"$tmp/said" &
	writers="$writers $!"
	i=$((i + 1))
	if [ -s "$tmp/said" ]; then break; fi
done
wait_for '[ -s "$tmp/said" ]' 20
grep -q -E 'Cannot allocate memory|Out of memory' "$tmp/said" || fail "it says: $(cat "$tmp/said")"
running "$filed_pid" || fail "filed has ended"

# shellcheck disable=SC2086
kill -KILL $writers 2>/dev/null || : # some have given up
# A shell does not tell that close(2) failed.
wait_for 'submit last "echo last" 2>/dev/null; [ -s "$q/pending/last" ]' 20
rm -f "$q"/pending/[0-9]*
echo "workers = 1" >"$q/config.ini"
wait_in complete first
wait_in complete last
