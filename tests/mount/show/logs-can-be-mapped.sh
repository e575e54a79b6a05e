# Logs and texts can be mapped, shared, too. A new mapping shows the present text, also after an earlier one.
. "${0%/*}/../../lib/test.sh"
needs python3
version=$(uname -r)
case $version in [0-5].* | 6.[0-5].* | 6.[0-5]) skip "Linux $version maps no such file shared" ;; esac
config workers=1 retries=0
start_filed

# map FILE [WRITE]: prints what a shared and a private mapping show; or replaces its first byte by WRITE.
cat >"$tmp/map.py" <<'EOF2'
import mmap, os, sys
if len(sys.argv) > 2:
    file = os.open(sys.argv[1], os.O_RDWR)
    with mmap.mmap(file, 0) as text:
        text[0:1] = sys.argv[2].encode()
    os.close(file)
    sys.exit()
file = os.open(sys.argv[1], os.O_RDONLY)
shared, private = (
    mmap.mmap(file, 0, flags=flags, prot=mmap.PROT_READ)[:]
    for flags in (mmap.MAP_SHARED, mmap.MAP_PRIVATE))
assert shared == private
os.write(1, shared)
EOF2
map() { python3 "$tmp/map.py" "$@"; }
same() {
	map "$1" >"$tmp/mapped" || fail "cannot map $1"
	cmp "$1" "$tmp/mapped" || fail "a mapping of $1 is stale"
}

submit x "seq 3000; until [ -e $tmp/print ]; do sleep 0.05; done; echo more; until [ -e $tmp/go ]; do sleep 0.05; done"
wait_for 'grep -qx 3000 "$q/active/x"'
exec 3<"$q/active/x" # the kernel keeps what it knows of the file
same "$q/active/x"
: >"$tmp/print"
wait_for 'grep -qx more "$q/active/x"'
same "$q/active/x"
grep -qx more "$tmp/mapped" || fail "the mapping ends before the growth"
: >"$tmp/go"
wait_in complete x
same "$q/complete/x"

exec 3<&-
# Another attempt has another log, and the same inode.
echo 'pause = yes' >>"$q/config.ini"
mv "$q/complete/x" "$q/pending"
same "$q/pending/x"
printf 'echo other' >"$q/pending/x"
same "$q/pending/x"
map "$q/pending/x" E
assert_file "$q/pending/x" 'Echo other'
map "$q/pending/x" e
echo 'pause = no' >>"$q/config.ini"
wait_in complete x
same "$q/complete/x"
assert_file "$tmp/mapped" '>>> echo other\nother\n'
