# ls, stat and [ -e ] tell where a job is now, also to a process that has its working directory in active/,
# looks all the time, and holds descriptors across the moves.
. "${0%/*}/../../lib/test.sh"
needs python3
config workers=2 retries=0
start_filed

# A shell in active/.
cd "$q/active"
submit slow "until [ -e $tmp/go ]; do sleep 0.05; done; echo done"
wait_for '[ -e slow ]'
exec 5<slow
assert_eq slow "$(ls)" "ls in active/"
: >"$tmp/go"
wait_for '[ -e ../complete/slow ]'
assert "gone from here" [ ! -e slow ]
assert_eq "" "$(ls)" "ls in active/"
assert_fails ENOENT stat slow
assert_fails ENOENT cat slow
assert_eq "done" "$(tail -n 1 <&5)" "through a descriptor"
assert_eq "$(stat -c %s ../complete/slow)" "$(stat -L -c %s /dev/fd/5)" "size by a descriptor"
exec 5<&-
cd "$top"

# A process that looks all the time: a job that was seen in one directory is not seen in an earlier one again.
cat >"$tmp/look.py" <<'EOF2'
import os, sys, time
queue, log, jobs = sys.argv[1], sys.argv[2], 40
os.chdir(os.path.join(queue, "active"))
names = ["pending", "active", "failed", "complete"]
dirs = [os.open("../" + name, os.O_RDONLY) for name in names]
last = {"pending": 0, "active": 1, "failed": 2, "complete": 2}

# A start that the machine was too busy for is put off: the job returns to pending.
def puts_off(job):
    with open(log) as file:
        return file.read().count(f"job {job}: cannot start now")

def has(fd, job):
    try:
        return os.stat(job, dir_fd=fd).st_ino
    except FileNotFoundError:
        return None

for n in range(jobs):
    job = f"j{n}"
    for fd in dirs:
        assert has(fd, job) is None
    with open("../pending/" + job, "w") as file:
        file.write("exit 1" if n % 3 == 0 else "echo out")
    ino, reached, held, returns = None, 0, None, 0
    deadline = time.monotonic() + 60
    while reached < 2:
        assert time.monotonic() < deadline, f"{job} does not end"
        for name, fd in zip(names, dirs):
            found = has(fd, job)
            if found is None:
                continue
            assert ino in (None, found), f"{job} has another inode in {name}"
            ino = found
            if last[name] < reached:
                returns += 1
                assert returns <= puts_off(job), f"{job} is in {name} again"
            reached = last[name]
            if name == "active" and held is None:
                try:
                    held = open(job)
                except FileNotFoundError:
                    pass
    end = "failed" if n % 3 == 0 else "complete"
    for name, fd in zip(names, dirs):
        assert (has(fd, job) is not None) == (name == end), f"{job} and {name}"
        assert (job in os.listdir("../" + name)) == (name == end), f"{job} in the listing of {name}"
    assert not os.path.exists(job)
    size = os.stat(f"../{end}/{job}").st_size
    if held is not None:
        assert len(held.read()) == size == os.fstat(held.fileno()).st_size
        held.close()
    os.rename(f"../{end}/{job}", f"../{end}/r{n}")
    assert not os.path.exists(f"../{end}/{job}") and os.path.exists(f"../{end}/r{n}")
    os.unlink(f"../{end}/r{n}")
    assert not os.path.exists(f"../{end}/r{n}") and f"r{n}" not in os.listdir(f"../{end}")
EOF2
python3 "$tmp/look.py" "$q" "$log" || fail "something stale was seen"
