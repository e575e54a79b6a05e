# Random writes, truncates, appends, reads and maps of a draft, through several descriptors, give what they
# give with a plain file; and what is closed is what is read again and what runs. seed=N repeats a run.
. "${0%/*}/../lib/test.sh"
needs python3
config workers=0 job_size_limit=200K
start_filed

cat >"$tmp/exercise.py" <<'EOF2'
import errno, fcntl, mmap, os, random, sys
job, plain, seed, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
choose = random.Random(seed)
MOST = 150_000
paths = (job, plain)
files = []  # pairs of descriptors, of the job and of the plain file

def both(call):
    """What both calls give: a value or an errno. They must agree."""
    results = []
    for side in (0, 1):
        try:
            results.append(call(side))
        except OSError as error:
            results.append(errno.errorcode[error.errno])
    assert results[0] == results[1], f"{str(results[0])[:80]} is not {str(results[1])[:80]}"
    return results[0]

def size():
    return os.stat(plain).st_size

def text(length):
    return choose.randbytes(length).translate(bytes(x or 10 for x in range(256)))

def open_one():
    flags = choose.choice((os.O_RDWR, os.O_RDWR, os.O_RDWR | os.O_APPEND, os.O_RDWR | os.O_CREAT))
    files.append(tuple(os.open(path, flags, 0o644) for path in paths))

def fill_holes():
    data = open(plain, "rb").read()
    at = data.find(0)
    while at >= 0:
        end = at
        while end < len(data) and data[end] == 0:
            end += 1
        hole = text(end - at)
        for side in (0, 1):
            with_offset = os.open(paths[side], os.O_WRONLY) if side else filler
            os.pwrite(with_offset, hole, at)
            if side: os.close(with_offset)
        at = data.find(0, end)

def whole():
    return both(lambda side: open(paths[side], "rb").read())

def close_one():
    """A text with NUL bytes has no receipt; without them it has one."""
    pair = files.pop(choose.randrange(len(files)))
    holes = 0 in whole()
    try:
        os.close(pair[0])
        assert not holes, "closed with NUL bytes in the text"
    except OSError as error:
        assert holes and error.errno == errno.EINVAL, error
    os.close(pair[1])

def step(n):
    pair = choose.choice(files)
    kind = choose.randrange(100)
    at = choose.randrange(size() + 1) if choose.random() < 0.9 else choose.randrange(MOST)
    length = choose.choice((1, 7, 100, 4095, 4096, 4097, choose.randrange(40_000)))
    length = min(length, MOST - at)
    if kind < 35:
        # With O_APPEND, Linux writes at the end, wherever it is told to.
        end = size() if fcntl.fcntl(pair[1], fcntl.F_GETFL) & os.O_APPEND else at
        data = text(min(length, MOST - end))
        both(lambda side: os.pwrite(pair[side], data, at))
    elif kind < 55:
        both(lambda side: os.pread(pair[side], length, at))
    elif kind < 62:
        both(lambda side: os.ftruncate(pair[side], at))
    elif kind < 68:
        both(lambda side: os.truncate(paths[side], at))
    elif kind < 74:  # by the descriptor's own place, where O_APPEND counts
        both(lambda side: os.lseek(pair[side], at, os.SEEK_SET))
        data = text(min(length, MOST - size() if size() < MOST else 0))
        both(lambda side: os.write(pair[side], data))
        if not both(lambda side: os.lseek(pair[side], 0, os.SEEK_CUR)) == size():
            both(lambda side: os.read(pair[side], 1000))
    elif kind < 80:
        if size():
            def view(side):
                with mmap.mmap(pair[side], 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ) as shown:
                    return shown[:]
            both(view)
    elif kind < 86:
        both(lambda side: os.fstat(pair[side]).st_size)
        both(lambda side: os.stat(paths[side]).st_size)
        both(lambda side: os.lseek(pair[side], 0, os.SEEK_END))
    elif kind < 91 and len(files) < 4:
        open_one()
    elif kind < 95 and len(files) > 1:
        close_one()
    elif kind < 97:
        fill_holes()
        both(lambda side: os.fsync(pair[side]))
    else:
        whole()

for path in paths:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
filler = os.open(job, os.O_WRONLY)  # stays open, so that a text with holes is not refused for good
open_one()
for n in range(steps):
    try:
        step(n)
    except Exception as error:
        sys.exit(f"seed {seed}, step {n}: {error!r}")
fill_holes()
while files:
    close_one()
os.close(filler)
assert whole() == open(plain, "rb").read()
EOF2
seed=${seed:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
echo "seed $seed"
for i in 0 1 2; do
	python3 "$tmp/exercise.py" "$q/pending/.job$i" "$tmp/plain$i" $((seed + i)) 400 || fail "see above"
	cmp "$q/pending/.job$i" "$tmp/plain$i" || fail "not the same (seed $((seed + i)))"
done
restart_filed
for i in 0 1 2; do
	cmp "$q/pending/.job$i" "$tmp/plain$i" || fail "not the same after a restart (seed $((seed + i)))"
done
