#!/usr/bin/env python3
"""Compares filed with its peers and with what the machine allows, in one run.

Everything that is compared is measured in alternation, several rounds of it, and the medians are shown:
the machine may be shared, so only the ratios mean something. Called by `make bench`; long=yes takes its
time and makes the backlog a million jobs, and rows="a i" measures these alone.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

OUT = os.path.abspath(os.environ["out"])
LONG = os.environ.get("long") == "yes"
ROUNDS = 5 if LONG else 3
JOBS = 1000 if LONG else 400
SUBMISSIONS = 4000 if LONG else 1500
BACKLOG = 1_000_000 if LONG else 100_000
CPUS = len(os.sched_getaffinity(0))

TOOL = {name: os.path.join(OUT, "bench", name) for name in ("spawn", "submit", "stamp", "commits", "memfs")}
TMP = tempfile.mkdtemp(prefix="filed-bench.")
os.chmod(TMP, 0o755)
rows = []


def run(*command, **kwargs):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **kwargs).stdout


def number(*command):
    return float(run(*command).split()[-1])


def wait_until(condition, seconds=600):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("waited in vain")
        time.sleep(0.005)


class Filed:
    """A filed on a mount of its own."""

    def __init__(self, workers=0, keep=None, sandbox="", mount="", **settings):
        self.dir = keep or tempfile.mkdtemp(dir=TMP)
        os.chmod(self.dir, 0o755)
        self.mount = os.path.join(self.dir, "q")
        os.makedirs(self.mount, exist_ok=True)
        config = os.path.join(self.dir, "conf")
        with open(config, "w") as f:
            f.write(f"[queue]\nworkers = {workers}\n")
            f.writelines(f"{k} = {v}\n" for k, v in settings.items())
            f.write(f"[mount]\ndir = {self.mount}\n{mount}[daemon]\nstate_file = {self.dir}/db\nlog_level = warning\n")
            f.write(sandbox)
        began = time.monotonic()
        self.process = subprocess.Popen([os.path.join(OUT, "filed"), "-c", config])
        wait_until(lambda: os.path.exists(self.path("status")))
        self.start_seconds = time.monotonic() - began

    def path(self, *parts):
        return os.path.join(self.mount, *parts)

    def status(self):
        with open(self.path("status")) as f:
            return {k: v for k, v in (line.split() for line in f)}

    def set(self, **settings):
        with open(self.path("config.ini"), "w") as f:
            f.writelines(f"{k} = {v}\n" for k, v in settings.items())

    def submit(self, text, count, prefix="j"):
        return number(TOOL["submit"], self.path("pending"), prefix, str(count), text)

    def wait_complete(self, count):
        wait_until(lambda: int(self.status()["complete"]) >= count)

    def processes(self):
        pids = [self.process.pid]
        with open(f"/proc/{pids[0]}/task/{pids[0]}/children") as f:
            pids += [int(pid) for pid in f.read().split()]
        return pids

    def memory_kb(self):
        total = 0
        for pid in self.processes():
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += int(re.search(r"^Pss: +(\d+)", f.read(), re.M).group(1))
        return total

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def compare(title, unit, contestants, rounds=ROUNDS, better="more"):
    """Measures {name: function} in alternation; adds a row with medians, as ratios to the first."""
    results = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, measure in contestants.items():
            results[name].append(measure())
    medians = {name: statistics.median(values) for name, values in results.items()}
    add_row(title, unit, medians, better)
    return medians


def add_row(title, unit, values, better="more"):
    first = next(iter(values.values()))
    cells = []
    for i, (name, value) in enumerate(values.items()):
        cell = f"{name} {value:,.4g}" if value < 1000 else f"{name} {value:,.0f}"
        if i > 0 and better and value and first:
            cell += f" (x{first / value if better == 'more' else value / first:.2f})"
        cells.append(cell)
    rows.append((title, unit, cells))
    print(f"{title} [{unit}]: " + "; ".join(cells), flush=True)


def have(*programs):
    return all(shutil.which(program) for program in programs)


# --- (a) no-op jobs a second from a full backlog


def noop_filed(**kwargs):
    filed = Filed(**kwargs)
    filed.submit(":", JOBS)
    began = time.monotonic()
    filed.set(workers=CPUS)
    filed.wait_complete(JOBS)
    rate = JOBS / (time.monotonic() - began)
    filed.stop()
    return rate


def noop_spawn(in_flight=CPUS):
    return number(TOOL["spawn"], str(JOBS), str(in_flight), "sh", "-c", ":")


def noop_xargs():
    began = time.monotonic()
    subprocess.run(["xargs", "-P", str(CPUS), "-I{}", "sh", "-c", ":"], check=True, text=True,
                   input="x\n" * JOBS)
    return JOBS / (time.monotonic() - began)


def shell_loop(count, body):
    began = time.monotonic()
    subprocess.run(["sh", "-c", f"i=0; while [ $i -lt {count} ]; do {body}; i=$((i+1)); done"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return count / (time.monotonic() - began)


def nq_submit_and_run(run_too, count=100):
    directory = tempfile.mkdtemp(dir=TMP)
    os.environ["NQDIR"] = directory
    began = time.monotonic()
    rate = shell_loop(count, "nq sh -c :")
    subprocess.run(["nq", "-w"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return count / (time.monotonic() - began) if run_too else rate


def tsp_submit_and_run(run_too, count=100):
    os.environ["TS_SOCKET"] = os.path.join(TMP, f"tsp{time.monotonic_ns()}")
    os.environ["TS_SLOTS"] = str(CPUS)
    began = time.monotonic()
    rate = shell_loop(count, "tsp -n sh -c :")
    while any("queued" in line or "running" in line for line in run("tsp").splitlines()[1:]):
        time.sleep(0.01)
    total = count / (time.monotonic() - began)
    subprocess.run(["tsp", "-K"], stdout=subprocess.DEVNULL)
    return total if run_too else rate


# --- (b) submissions


def submit_by_loops(filed, each, loops):
    """The rate of so many C loops at once."""
    began = time.monotonic()
    writers = [subprocess.Popen([TOOL["submit"], filed.path("pending"), f"{i}-", str(each), ":"],
                                stdout=subprocess.DEVNULL) for i in range(loops)]
    for writer in writers:
        writer.wait()
    return each * loops / (time.monotonic() - began)


def submit_filed(durability, loops=1, shell=False):
    filed = Filed(durability=durability)
    if shell:
        rate = shell_loop(300, f"printf : > {filed.path('pending')}/$i")
    else:
        rate = submit_by_loops(filed, SUBMISSIONS // loops, loops)
    filed.stop()
    return rate


@contextlib.contextmanager
def memfs_directory():
    directory = tempfile.mkdtemp(dir=TMP)
    process = subprocess.Popen([TOOL["memfs"], directory])
    wait_until(lambda: os.path.ismount(directory))
    yield directory
    subprocess.run(["umount", directory], check=True)
    process.wait()


def submit_memfs():
    with memfs_directory() as directory:
        return number(TOOL["submit"], directory, "j", str(SUBMISSIONS), ":")


def sqlite_commits(mode):
    with tempfile.TemporaryDirectory(dir=TMP) as directory:
        return number(TOOL["commits"], os.path.join(directory, "db"), str(SUBMISSIONS), mode)


def submit_beanstalkd():
    directory = tempfile.mkdtemp(dir=TMP)
    port = 11399
    process = subprocess.Popen(["beanstalkd", "-l", "127.0.0.1", "-p", str(port), "-b", directory, "-f0"])
    connection = None
    while connection is None:
        try:
            connection = socket.create_connection(("127.0.0.1", port))
        except OSError:
            time.sleep(0.01)
    began = time.monotonic()
    for _ in range(SUBMISSIONS):
        connection.sendall(b"put 0 0 60 1\r\n:\r\n")
        connection.recv(64)
    rate = SUBMISSIONS / (time.monotonic() - began)
    connection.close()
    process.terminate()
    process.wait()
    return rate


def submit_at():
    return shell_loop(50, "echo : | at -q Z now + 1 day")


# --- (c) latency


def latencies(filed, count):
    """Seconds from the return of close to the program's first moment."""
    closed = {}
    for i in range(count):
        with open(filed.path("pending", f"l{i}"), "w") as f:
            f.write("exec " + TOOL["stamp"])
        closed[i] = time.monotonic_ns()
        done = filed.path("complete", f"l{i}")
        wait_until(lambda path=done: os.path.exists(path))
    result = []
    for i in range(count):
        with open(filed.path("complete", f"l{i}")) as f:
            result.append((int(f.read().split("\n")[1]) - closed[i]) / 1e6)
    return sorted(result)


def spawn_latencies(count):
    result = []
    for _ in range(count):
        before, after = run(TOOL["spawn"], "0", "1", "sh", "-c", "exec " + TOOL["stamp"]).split()
        result.append((int(after) - int(before)) / 1e6)
    return sorted(result)


def percentile(values, percent):
    return values[min(len(values) - 1, len(values) * percent // 100)]


def latency():
    count = 200 if LONG else 100
    filed = Filed(workers=CPUS)
    idle = latencies(filed, count)
    bare = spawn_latencies(count)
    add_row("(c) close to exec, idle, p50", "ms",
            {"bare spawn": percentile(bare, 50), "filed": percentile(idle, 50)}, better="less")
    add_row("(c) close to exec, idle, p99", "ms",
            {"bare spawn": percentile(bare, 99), "filed": percentile(idle, 99)}, better="less")
    filed.stop()
    filed = Filed(workers=CPUS + 1)
    for i in range(CPUS):
        with open(filed.path("pending", f"load{i}"), "w") as f:
            f.write("while :; do :; done")
    loaded = latencies(filed, count // 4)
    add_row("(c) close to exec, all CPUs busy, p50 and p99", "ms",
            {"p50": percentile(loaded, 50), "p99": percentile(loaded, 99)}, better="less")
    for i in range(CPUS):
        os.unlink(filed.path("active", f"load{i}"))
    filed.stop()


# --- the rest


def end_to_end():
    filed = Filed(workers=CPUS)
    began = time.monotonic()
    shell_loop(1000, f"printf cmd= > {filed.path('pending')}/$i")
    filed.wait_complete(1000)
    seconds = time.monotonic() - began
    filed.stop()
    return seconds


def one_gib_filed():
    filed = Filed(workers=1)
    before = filed.memory_kb()
    began = time.monotonic()
    with open(filed.path("pending", "big"), "w") as f:
        f.write("head -c 1073741824 /dev/zero")
    most = before
    while not os.path.exists(filed.path("complete", "big")):
        most = max(most, filed.memory_kb())
        time.sleep(0.02)
    rate = 1024 / (time.monotonic() - began)
    one_gib_filed.growth = max(getattr(one_gib_filed, "growth", 0), most - before)
    filed.stop()
    return rate


def one_gib_cat():
    began = time.monotonic()
    subprocess.run(["sh", "-c", f"sh -c 'head -c 1073741824 /dev/zero' | cat > {TMP}/big"], check=True)
    rate = 1024 / (time.monotonic() - began)
    os.unlink(f"{TMP}/big")
    return rate


def backlog():
    filed = Filed()
    # The first and the last are measured against the same memfs, so that the machine's mood cancels out.
    before = filed.memory_kb()
    first = filed.submit(":", 10_000, "a")
    filed.set(durability="normal", workers=0)  # what lies between need not take long
    submit_by_loops(filed, (BACKLOG - 20_000) // 8, 8)
    filed.set(durability="full", workers=0)
    last = filed.submit(":", 10_000, "c")
    grown = filed.memory_kb() - before
    add_row("(f) submissions: first and last 10,000", "1/s", {"last": last, "first": first})
    began = time.monotonic()
    run("sh", "-c", f"ls -f {filed.path('pending')} | wc -l")
    listing = time.monotonic() - began
    directory = filed.dir
    filed.stop()
    size = os.path.getsize(os.path.join(directory, "db")) / BACKLOG
    filed = Filed(keep=directory)
    start = filed.start_seconds
    began = time.monotonic()
    filed.set(workers=CPUS)
    filed.wait_complete(JOBS)
    with_backlog = JOBS / (time.monotonic() - began)
    filed.set(workers=0)
    filed.stop()
    add_row(f"(f) backlog of {BACKLOG:,}", "", {"memory grown, KiB": grown, "start, ms": start * 1000,
                                              "bytes a job": size, "ls -f, s": listing}, better="")
    add_row("(f) no-op jobs with that backlog and without", "1/s",
            {"with": with_backlog, "without": statistics.median(noop_filed() for _ in range(ROUNDS))})
    shutil.rmtree(directory)


def idle():
    filed = Filed(workers=CPUS)
    time.sleep(1)

    def switches():
        total = 0
        for pid in filed.processes():
            with open(f"/proc/{pid}/status") as f:
                total += sum(int(n) for n in re.findall(r"ctxt_switches:\s+(\d+)", f.read()))
        return total

    before = switches()
    time.sleep(10)
    add_row("(g) idle", "", {"memory of all processes, KiB": filed.memory_kb(),
                             "wake-ups in 10 s": switches() - before,
                             "size of filed, KiB": os.path.getsize(os.path.join(OUT, "filed")) / 1024}, better="")
    filed.stop()


def sleepers():
    filed = Filed(workers=500)
    began = time.monotonic()
    filed.submit("exec sleep 1000", 500)
    wait_until(lambda: int(filed.status()["active"]) == 500)
    seconds = time.monotonic() - began
    add_row("(h) 500 jobs asleep at once", "", {"started in, s": seconds, "memory, KiB": filed.memory_kb()},
            better="")
    for i in range(500):
        os.unlink(filed.path("active", f"j{i}"))
    filed.stop()


def sandbox():
    lines = "[sandbox]\n" + "".join(f"ro = {path}\n" for path in
                                    ("/usr", "/lib", "/bin", "/etc/passwd", "/etc/group", "/sbin", "/opt", "/srv",
                                     "/var/tmp", "/home"))
    compare("(i) no-op jobs in a sandbox of ten paths and without", "1/s",
            {"in a sandbox": lambda: noop_filed(sandbox=lines), "without": noop_filed})


def watched():
    def with_watcher():
        filed = Filed()
        watcher = subprocess.Popen(["inotifywait", "-q", "-m", "-o", "/dev/null"] +
                                   [filed.path(d) for d in ("pending", "active", "failed", "complete")])
        time.sleep(0.5)
        filed.submit(":", JOBS)
        began = time.monotonic()
        filed.set(workers=CPUS)
        filed.wait_complete(JOBS)
        rate = JOBS / (time.monotonic() - began)
        watcher.kill()
        watcher.wait()
        filed.stop()
        return rate

    compare("(j) no-op jobs with inotify watchers, without, and with inotify = no", "1/s",
            {"watched": with_watcher, "not watched": noop_filed,
             "off": lambda: noop_filed(mount="inotify = no\n")})


def cost():
    """Counts instead of times, and their bounds: the same as in the tests."""
    print(run("sh", os.path.join(os.path.dirname(__file__), "../cost/a-job-costs-no-more-than-it-did.sh")))


def noop():
    contestants = {"filed": noop_filed, "bare spawn": noop_spawn, "bare spawn, 1 at a time": lambda: noop_spawn(1),
                   "xargs -P": noop_xargs}
    if have("nq"):
        contestants["nq"] = lambda: nq_submit_and_run(True)
    if have("tsp"):
        contestants["tsp"] = lambda: tsp_submit_and_run(True)
    compare(f"(a) no-op jobs, {CPUS} at a time", "1/s", contestants)


def submissions():
    for durability in ("full", "normal"):
        m = compare(f"(b) submissions, one C loop, {durability}", "1/s",
                    {"filed": lambda d=durability: submit_filed(d), "memfs": submit_memfs,
                     "SQLite": lambda d=durability: sqlite_commits(d),
                     "8 C loops": lambda d=durability: submit_filed(d, loops=8)})
        composite = 1 / (1 / m["memfs"] + 1 / m["SQLite"])
        add_row(f"(b) the same against memfs and SQLite together, {durability}", "1/s",
                {"filed": m["filed"], "limit": composite})
    contestants = {"filed": lambda: submit_filed("full", shell=True)}
    if have("nq"):
        contestants["nq"] = lambda: nq_submit_and_run(False)
    if have("tsp"):
        contestants["tsp"] = lambda: tsp_submit_and_run(False)
    if have("at") and os.path.exists("/run/atd.pid"):
        contestants["at"] = submit_at
    if have("beanstalkd"):
        contestants["beanstalkd (socket loop)"] = submit_beanstalkd
    compare("(b) submissions, one shell loop", "1/s", contestants)


def long_output():
    compare("(e) a job that prints 1 GiB", "MiB/s", {"filed": one_gib_filed, "sh | cat > file": one_gib_cat})
    add_row("(e) memory grown meanwhile", "KiB", {"filed": one_gib_filed.growth})


def listings():
    """Listings of a big directory, here, in memfs and in a tmpfs."""
    filed = Filed(durability="normal")
    tmpfs = tempfile.mkdtemp(dir=TMP)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nr_inodes=0", "tmpfs", tmpfs], check=True)
    with memfs_directory() as memfs:
        list_and_remove({"filed": filed.path("pending"), "memfs": memfs, "tmpfs": tmpfs})
    filed.stop()
    subprocess.run(["umount", tmpfs], check=True)


def list_and_remove(directories):
    for directory in directories.values():
        number(TOOL["submit"], directory, "j", str(BACKLOG), ":")

    def seconds(command, directory):
        began = time.monotonic()
        subprocess.run(command, cwd=directory, check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - began

    for command in (["ls", "-f"], ["ls", "-l"], ["find", "-type", "f"]):
        compare(f"(k) {' '.join(command)} of {BACKLOG:,}", "s",
                {name: lambda c=command, f=directory: seconds(c, f) for name, directory in directories.items()},
                rounds=max(ROUNDS, 5), better="less")
    remove = ["sh", "-c", "ls -f | grep j | xargs rm"]
    add_row(f"(k) rm of {BACKLOG:,} by xargs", "s",
            {name: seconds(remove, directories[name]) for name in ("filed", "memfs")}, better="less")


def thousand():
    compare("(d) 1,000 printf's to the last complete", "s", {"filed": end_to_end}, better="less")

ROWS = {"a": noop, "b": submissions, "c": latency, "d": thousand, "e": long_output, "f": backlog, "g": idle,
        "h": sleepers, "i": sandbox, "j": watched, "k": listings, "l": cost}


def main():
    for row in os.environ.get("rows", "").split() or ROWS:
        ROWS[row]()

    print(f"\n{'':60} on {CPUS} CPUs, medians of {ROUNDS}; x: filed, or the first, against it")
    for title, unit, cells in rows:
        print(f"{title}{' [' + unit + ']' if unit else ''}")
        for cell in cells:
            print(f"    {cell}")


try:
    main()
finally:
    shutil.rmtree(TMP, ignore_errors=True)
