# A listing shows each job that exists during all of it exactly once, even if other jobs come, go and are renamed
# meanwhile: with readdir, ls -f, ls -l and find, and for a slow reader.
. "${0%/*}/../lib/test.sh"
needs python3
config workers=0
start_filed

cat >"$tmp/list.py" <<'EOF2'
import os, subprocess, sys, threading
queue = sys.argv[1]
pending = os.path.join(queue, "pending")
STEADY = 800
for n in range(STEADY):  # s stays, t comes and goes
    with open(f"{pending}/s{n}", "w") as file:
        file.write(":")
    with open(f"{pending}/t{n}", "w") as file:
        file.write(":")
steady = {f"s{n}" for n in range(STEADY)}
stop = threading.Event()
churned = [0]

def churn(part):
    """Removes, makes, renames and holds open what lies between the steady ones."""
    n = part
    while not stop.is_set():
        old = f"{pending}/t{n % STEADY}"
        new = f"{pending}/u{n}"
        os.rename(old, new)
        os.unlink(new)
        with open(old, "w") as file:  # not stored yet while it is open
            file.write(": again")
        n += 7
        churned[0] += 1

def check(names, what):
    stayed = [name for name in names if name in steady]
    assert len(stayed) == len(set(stayed)), f"{what}: repeats"
    assert set(stayed) == steady, f"{what}: skips {sorted(steady - set(stayed))[:5]}"

def output(*command):
    # ls -l and find may meet the name of a job that is gone.
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.splitlines()

threads = [threading.Thread(target=churn, args=(part,)) for part in (0, 1)]
for thread in threads:
    thread.start()
try:
    for _ in range(2):
        before = churned[0]
        check(os.listdir(pending), "readdir")
        check(output("ls", "-f", pending), "ls -f")
        check((line.rsplit(" ", 1)[1] for line in output("ls", "-lU", pending)[1:]), "ls -l")
        check((path.rsplit("/", 1)[1] for path in output("find", pending, "-type", "f")), "find")
        assert churned[0] > before, "nothing has changed meanwhile"
    # A reader of small steps that seeks back to an earlier position.
    with os.scandir(pending) as entries:
        slow = []
        for entry in entries:
            slow.append(entry.name)
            if len(slow) % 200 == 0:
                at = churned[0]
                while churned[0] < at + 20:
                    pass
    check(slow, "a slow reader")
finally:
    stop.set()
    for thread in threads:
        thread.join()
EOF2
python3 "$tmp/list.py" "$q" || fail "a listing is wrong"


# The same of complete/, while jobs arrive there and find removes some.
rm -f "$q/pending"/t*
echo 'workers = 2' >"$q/config.ini"
wait_for '[ "$(counter complete)" -ge 60 ]' 60
ls -f "$q/complete" | grep '^s' | sort >"$tmp/before"
find "$q/complete" -name '*7' -delete
grep -v '7$' "$tmp/before" >"$tmp/stayed"
for list in 'ls -f' 'ls -lU' 'find'; do
	$list "$q/complete" | sed 's|.*[ /]||' | grep '^s' | sort >"$tmp/now"
	assert_eq "" "$(uniq -d "$tmp/now")" "$list: repeats"
	assert_eq "" "$(comm -23 "$tmp/stayed" "$tmp/now")" "$list: skips"
done
echo 'workers = 0' >"$q/config.ini"
