# Programs that read files in ways of their own find in texts and logs what cat does: mmap (git, Python,
# grep), sendfile and splice; and flock(1) locks.
. "${0%/*}/../lib/test.sh"
needs git python3 busybox flock
python="$(python3 -c 'import sys; print(sys.executable)') -S" # itself, where python3 is a wrapper
config workers=1 retries=0
start_filed

seq 60000 >"$tmp/numbers" # over several pieces of a log, and pages
submit log "cat $tmp/numbers"
(
	printf ': '
	head -n 20000 "$tmp/numbers" | xargs
) >"$q/pending/.text"
wait_in complete log
{
	echo ">>> cat $tmp/numbers"
	cat "$tmp/numbers"
} >"$tmp/log.wanted"
{
	printf ': '
	head -n 20000 "$tmp/numbers" | xargs
} >"$tmp/text.wanted"

cat >"$tmp/read.py" <<'EOF2'
import mmap, os, sys
wanted = open(sys.argv[2], "rb").read()
with open(sys.argv[1], "rb") as file:
    size = os.fstat(file.fileno()).st_size
    assert size == len(wanted), (size, len(wanted))
    with mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) as view:
        assert view[:] == wanted, "mmap"
    def copy(how):
        with open(sys.argv[3], "wb+") as to:
            done = 0
            while done < size:
                n = how(to.fileno(), done)
                assert n > 0
                done += n
            to.seek(0)
            assert to.read() == wanted, how
    copy(lambda to, at: os.sendfile(to, file.fileno(), at, 70_001))
    def by_pipe(to, at):
        out, into = os.pipe()
        n = os.splice(file.fileno(), into, 4097, offset_src=at) if hasattr(os, "splice") else \
            os.write(into, os.pread(file.fileno(), 4097, at))
        assert os.write(to, os.read(out, n)) == n
        os.close(out), os.close(into)
        return n
    copy(by_pipe)
EOF2
for pair in complete/log:log.wanted pending/.text:text.wanted; do
	file=$q/${pair%:*} wanted=$tmp/${pair#*:}
	assert_eq "$(git hash-object "$wanted")" "$(git hash-object "$file")" "git hash-object"
	assert_eq "$(grep -c 99 "$wanted")" "$(grep -c 99 "$file")" "grep"
	assert_eq "$(tail -c 100 "$wanted")" "$(tail -c 100 "$file")" "tail"
	assert_eq "$(tac "$wanted" | cksum)" "$(tac "$file" | cksum)" "tac"
	busybox cat "$file" | cmp - "$wanted" || fail "busybox cat"
	git diff --no-index --exit-code "$file" "$wanted" || fail "git diff"
	$python "$tmp/read.py" "$file" "$wanted" "$tmp/copy" || fail "python on $pair"
done

# A map shows the text as it is when it is made, also after an edit.
printf 'echo edited' >"$q/pending/.text"
assert_eq "$(printf 'echo edited' | git hash-object --stdin)" "$(git hash-object "$q/pending/.text")" \
	"git hash-object after an edit"

# Locks.
flock -n "$q/pending/.text" sh -c 'flock -n "$1" true && exit 9; flock -n "$2" true' - \
	"$q/pending/.text" "$q/complete/log" || fail "flock: status $?"
flock -n "$q/pending/.text" true || fail "the lock is not gone"
flock -n "$q/pending" true || fail "a directory cannot be locked"
