#!/usr/bin/env python3
# Long because the threads, the kills and the checks share one story.
"""Kills filed, again and again, while others use its queue, and holds what is left against what was
promised.

Called by `make torture`. Its environment: out, the directory of the programs; minutes, how long to go on,
or kills, how many SIGKILLs of filed's processes; seed, to make the same choices again. What the machine
makes of them is its own.

Several threads submit, edit, move, hold back and remove jobs, change settings, and kill processes of
jobs. Meanwhile filed is started and killed: the daemon, the launcher, the notifier, or several at
once; at its start, in its course, or while it stops. Each time, a copy of its state file is checked by
itself and against the model (model.py), and so is the mount after the next start. In the end all that
is left has to run.
"""

import errno
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter

sys.dont_write_bytecode = True
from model import ABSENT, DIRS, INTERRUPTIONS, Job, Model, Runs, Snapshot, State, Text, replace  # noqa: E402

OUT = os.path.abspath(os.environ.get("out") or "build/release")
THREADS = 4
MOST_JOBS = 120  # above, none is submitted and more are removed
SLOW = 4 if re.search("asan|tsan", OUT) else 1
HELPER = os.path.join(OUT, "tests", "torture-job")

# The process that a cycle kills, and how often of 100.
VICTIMS = ((38, ("daemon",)), (20, ("launcher",)), (20, ("daemon", "launcher")), (8, ("notifier",)),
           (8, ("daemon", "launcher", "notifier")), (6, ()))  # (): told to stop

# What a call says that a kill has cut off: it may have been done.
CUT_OFF = {errno.ENOTCONN, errno.ECONNABORTED, errno.ENODEV, errno.EIO}
# What it says when the job has gone on meanwhile, or the mount is gone: nothing was done.
REFUSED = {errno.ENOENT, errno.EEXIST, errno.EACCES, errno.EBUSY}

CONFIG = """
[queue]
workers = 3
retries = 2
interruptions = {interruptions}
backoff = 20ms
backoff_factor = 1
stop_grace = 100ms
kill_grace = 200ms
job_size_limit = 300K
[mount]
dir = {mount}
[daemon]
state_file = {state}
"""


class Stuck(Exception):
    pass


def wait_until(what, condition, seconds):
    end = time.monotonic() + seconds * SLOW
    while not condition():
        if time.monotonic() > end:
            raise Stuck(f"waited {seconds} s in vain until {what}")
        time.sleep(0.002)


def process_state(pid):
    """(state, time of its start), or None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rsplit(") ", 1)[1].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return None


def is_alive(pid, start=None):
    state = process_state(pid)
    return state is not None and state[0] not in "ZX" and start in (None, state[1])


def environment(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as f:
            return f.read().split(b"\0")
    except OSError:
        return []


class Torture:
    def __init__(self, seed, minutes, kills):
        self.seed, self.most_kills = seed, kills
        self.end = time.monotonic() + minutes * 60
        self.random = random.Random(f"{seed}")
        self.dir = tempfile.mkdtemp(prefix="filed-torture.", dir=os.environ.get("TEST_TMP"))
        os.chmod(self.dir, 0o755)
        self.mount = os.path.join(self.dir, "q")
        self.state = os.path.join(self.dir, "filed.db")
        self.config = os.path.join(self.dir, "filed.conf")
        os.mkdir(self.mount)
        with open(self.config, "w") as f:
            f.write(CONFIG.format(mount=self.mount, state=self.state, interruptions=INTERRUPTIONS))
        self.log = open(os.path.join(self.dir, "log"), "ab")
        self.runs = Runs(self.dir)
        self.model = Model(self.runs)
        self.filed = None
        self.counts = Counter()
        self.kills = Counter()
        self.lock = threading.Lock()  # of the counters and lists that the threads share
        self.settings_lock = threading.Lock()
        self.ids = set()
        self.reported = set()  # processes that have survived a start
        self.serial = 0
        self.go = threading.Event()
        self.is_over = False
        self.is_doomed = False
        self.idle = threading.Semaphore(0)
        self.threads = [threading.Thread(target=self.use_queue, args=(i,), daemon=True)
                        for i in range(THREADS)]

    def q(self, *parts):
        return os.path.join(self.mount, *parts)

    # --- what users do

    def use_queue(self, index):
        rng = random.Random(f"{self.seed}.{index}")
        held = []
        while True:
            self.go.wait()
            if self.is_over:
                return
            try:
                while self.go.is_set():
                    self.one_operation(rng, held)
                    time.sleep(rng.random() * 0.004)
                # What is still open now was never flushed.
                for _, fd in held:
                    self.close_unflushed(fd)
                held.clear()
            except Exception as error:  # pylint: disable=broad-except
                self.model.violation(f"a user's thread: {error!r}")
                held.clear()
            self.idle.release()
            while self.go.is_set() and not self.is_over:
                time.sleep(0.001)

    def close_unflushed(self, fd):
        try:
            os.close(fd)
            if not self.is_doomed:
                return
            self.model.violation("close of a text that cannot have been stored gave 0")
        except OSError:
            pass

    def one_operation(self, rng, held):
        choice = rng.random()
        wants_fewer = len(self.model.jobs) > MOST_JOBS
        if choice < 0.35:
            if not wants_fewer:
                self.submit(rng)
        elif choice < 0.43:
            self.submit_in_parts(rng, held)
        elif choice < 0.45:
            self.change_settings(rng)
        elif choice < 0.47:
            self.take_new_id()
        elif choice < 0.50:
            self.kill_processes_of_a_job()
        else:
            with self.lock:
                jobs = list(self.model.jobs.values())
            if not jobs:
                return
            job = rng.choice(jobs)
            operation = rng.random()
            if not job.lock.acquire(blocking=False):
                return
            try:
                if job.is_certain() and job.state.present:
                    self.use_job(rng, job, 0.79 if wants_fewer and operation > 0.3 else operation)
            finally:
                job.lock.release()

    def use_job(self, rng, job, operation):
        where = next((dir for dir in ("active", "pending", "complete", "failed")
                      if self.exists(dir, job.state.id)), None)
        if where is None:
            return
        if operation < 0.12:
            self.read(job, where)
        elif operation < 0.2:
            self.rename(rng, job, where)
        elif operation < 0.75:
            if where == "pending":
                rng.choice((self.edit, self.replace, self.release_or_hold, self.cancel, self.set_time))(rng, job)
            elif where == "active":
                if rng.random() < 0.3:
                    self.stop(rng, job)
            else:
                self.run_again(job, where)
        elif operation > 0.8 or where in ("complete", "failed"):
            self.remove(job, where)

    def attempt(self, what, job, after, call):
        """Makes a call that takes the job to the state `after`. True if it said so."""
        before = job.state
        try:
            call()
        except OSError as error:
            if error.errno in CUT_OFF and self.is_doomed:
                job.states = [before, after]
                self.count("cut off")
            elif error.errno not in REFUSED:
                self.model.violation(f"{what} of {before.id or after.id} gave {error!r}")
            return False
        job.states = [after]
        self.count(what)
        return True

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def exists(self, *path):
        try:
            os.lstat(self.q(*path))
            return True
        except OSError:
            return False

    def new_text(self, rng, job):
        with self.lock:
            self.serial += 1
            token = f"t{self.serial}"
        kind = rng.choices(("plain", "family", "tree", "service"), (68, 14, 6, 12))[0]
        lines, ms = rng.choices(((2, 0), (2500, 0), (20, 100), (5, 500), (10, 1500)), (60, 8, 20, 8, 4))[0]
        code = rng.choices((0, 3), (85, 15))[0]
        is_script = rng.random() < 0.1
        padding = rng.choices((0, 3000, 150_000), (75, 22, 3))[0]
        rest = b"\n\nexit $?\n" + b"# and so on and so forth\n" * (padding // 25) + b"# the end of " + token.encode()
        first = b"#!/bin/sh\n" if is_script else b""
        line = f"{HELPER} {self.dir} {job.number} {token} %09d {zlib.crc32(rest):010} {lines} {ms} {kind} {code}"
        length = len(first) + len(line % 0) + len(rest)
        text = Text(token, job, first + (line % length).encode() + rest, lines, code, kind)
        self.model.texts[token] = text
        return text

    def new_job(self):
        with self.lock:
            self.serial += 1
            job = Job(self.serial)
            job.lock.acquire()
            self.model.jobs[job.number] = job
        return job

    def forget(self, job):
        if job.states == [ABSENT]:
            with self.lock:
                self.model.jobs.pop(job.number, None)

    def put(self, path, text, rng, flags):
        """Writes a text in one piece or several, as a shell or an editor would."""
        fd = os.open(path, flags, 0o644)
        try:
            if rng.random() < 0.2:
                os.close(os.dup(fd))  # commits nothing: there is no data yet
            pieces = rng.choice((1, 1, 2, 5))
            size = len(text.bytes) // pieces + 1
            for at in range(0, len(text.bytes), size):
                os.write(fd, text.bytes[at:at + size])
        except OSError:
            try:
                os.close(fd)
            except OSError:
                pass
            raise
        if rng.random() < 0.1:
            try:
                os.fsync(fd)
            except OSError:
                self.close_quietly(fd)
                raise
            self.close_quietly(fd)
            return
        os.close(fd)

    @staticmethod
    def close_quietly(fd):
        try:
            os.close(fd)
        except OSError:
            pass

    def submit(self, rng):
        job = self.new_job()
        try:
            text = self.new_text(rng, job)
            is_draft = rng.random() < 0.2
            id = f"{'.' if is_draft else ''}j{job.number}"
            text.may_run = not is_draft
            after = State(True, id, text, None, 1)
            if self.attempt("submitted", job, after,
                            lambda: self.put(self.q("pending", id), text, rng, os.O_CREAT | os.O_EXCL | os.O_WRONLY)):
                self.model.acknowledged += 1
            else:
                self.forget(job)
        finally:
            job.lock.release()

    def submit_in_parts(self, rng, held):
        """Leaves a file open with a part of its text in it, and goes on with it later, if it lives on."""
        if held and rng.random() < 0.7:
            job, fd = held.pop(rng.randrange(len(held)))
            with job.lock:
                text = job.held_text
                half = len(text.bytes) // 2
                text.may_run = True

                def finish():
                    try:
                        os.write(fd, text.bytes[half:])
                    except OSError:
                        self.close_quietly(fd)
                        raise
                    os.close(fd)
                if self.attempt("submitted", job, State(True, f"h{job.number}", text, None, 1), finish):
                    self.model.acknowledged += 1
                else:
                    self.forget(job)
            return
        job = self.new_job()
        try:
            job.held_text = text = self.new_text(rng, job)
            fd = os.open(self.q("pending", f"h{job.number}"), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            try:
                os.write(fd, text.bytes[:len(text.bytes) // 2])
                held.append((job, fd))
            except OSError:
                self.close_quietly(fd)
        except OSError:
            self.forget(job)
        finally:
            job.lock.release()

    def edit(self, rng, job):
        text = self.new_text(rng, job)
        text.may_run = not job.state.is_draft()
        old = job.state.text
        if self.attempt("edited", job, replace(job.state, text=text, need=1),
                        lambda: self.put(self.q("pending", job.state.id), text, rng, os.O_WRONLY | os.O_TRUNC)):
            self.model.take_back(job, old)

    def replace(self, rng, job):
        """As editors save: into a file beside it, which then takes its name."""
        if job.state.is_draft():
            return
        new = self.new_job()
        try:
            text = self.new_text(rng, new)
            draft = State(True, f".r{new.number}", text, None, 1)
            if not self.attempt("submitted", new, draft,
                                lambda: self.put(self.q("pending", draft.id), text, rng, os.O_CREAT | os.O_WRONLY)):
                self.forget(new)
                return
            self.model.acknowledged += 1
            before = job.state
            text.may_run = True
            if not self.exists("pending", before.id):
                return  # it would only take a name that was free
            renamed = replace(draft, id=before.id)
            try:
                os.rename(self.q("pending", draft.id), self.q("pending", before.id))
            except OSError as error:
                if error.errno in CUT_OFF and self.is_doomed:
                    new.states = [draft, renamed]
                    job.states = [before, ABSENT]
                elif error.errno not in REFUSED:
                    self.model.violation(f"replacing {before.id} gave {error!r}")
                return
            self.count("replaced")
            new.states = [renamed]
            job.states = [ABSENT]
            self.model.take_back(job, before.text)
            self.forget(job)
        finally:
            new.lock.release()

    def release_or_hold(self, rng, job):
        state = job.state
        if state.is_draft():
            state.text.may_run, state.text.limit = True, None
            after = replace(state, id=state.id[1:])
        else:
            after = replace(state, id="." + state.id)
        if self.attempt("released" if state.is_draft() else "held back", job, after,
                        lambda: self.rename_now("pending", state.id, "pending", after.id)):
            if after.is_draft():
                self.model.take_back(job, state.text)

    def rename_now(self, old_dir, old, new_dir, new):
        os.rename(self.q(old_dir, old), self.q(new_dir, new))

    def cancel(self, rng, job):
        state = job.state
        if state.is_draft():
            return
        if self.attempt("cancelled", job, replace(state, where="failed", need=0),
                        lambda: self.rename_now("pending", state.id, "failed", state.id)):
            self.model.take_back(job, state.text)

    def set_time(self, rng, job):
        when = time.time() + rng.choice((-1000, 0, 0.3))
        self.attempt("due times set", job, job.state,
                     lambda: os.utime(self.q("pending", job.state.id), (when, when)))

    def stop(self, rng, job):
        state = job.state
        to = rng.choice(("failed", "pending"))
        after = replace(state, where="failed", need=0) if to == "failed" else state
        if self.attempt("stopped", job, after, lambda: self.rename_now("active", state.id, to, state.id)):
            if to == "failed":
                self.model.note_stop(state.text)
                self.model.take_back(job, state.text)

    def run_again(self, job, where):
        state = job.state
        self.runs.read()
        state.text.limit = None
        need = self.runs.of(state.text) + 1
        self.attempt("run again", job, replace(state, where=None, need=need),
                     lambda: self.rename_now(where, state.id, "pending", state.id))

    def rename(self, rng, job, where):
        state = job.state
        if where == "active":
            return
        id = re.sub("n*$", lambda n: "n" * ((len(n.group()) + 1) % 5), state.id)
        self.attempt("renamed", job, replace(state, id=id),
                     lambda: self.rename_now(where, state.id, where, id))

    def remove(self, job, where):
        state = job.state
        if self.attempt("removed", job, ABSENT, lambda: os.unlink(self.q(where, state.id))):
            if where == "active":
                self.model.note_stop(state.text)
            self.model.take_back(job, state.text)
            self.forget(job)

    def read(self, job, where):
        try:
            with open(self.q(where, job.state.id), "rb") as f:
                bytes = f.read()
        except OSError as error:
            if error.errno not in CUT_OFF | REFUSED:
                self.model.violation(f"reading gave {error!r}")
            return
        text = job.state.text.bytes
        header = b">>> " + text + b"\n"
        # Between the look and the reading it may have moved; the text alone is what pending/ shows.
        if bytes != text and not header.startswith(bytes[:len(header)]):
            self.model.violation(f"{where}/{job.state.id} reads {bytes[:200]}")
        self.count("read")

    def change_settings(self, rng):
        with self.settings_lock:
            if len(self.model.settings) > 1:
                return
            values = {"workers": str(rng.choice((2, 3, 5))), "retries": str(rng.choice((1, 2, 3))),
                      "durability": rng.choice(("full", "normal"))}
            text = "".join(f"{k} = {v}\n" for k, v in values.items())
            kept = {k: v for k, v in values.items() if (k, v) not in
                    {("workers", "3"), ("retries", "2"), ("durability", "full")}}
            try:
                fd = os.open(self.q("config.ini"), os.O_WRONLY | os.O_TRUNC)
                try:
                    os.write(fd, text.encode())
                except OSError:
                    self.close_quietly(fd)
                    raise
                os.close(fd)
            except OSError as error:
                if error.errno in CUT_OFF and self.is_doomed:
                    self.model.settings.append(kept)
                elif error.errno not in REFUSED:
                    self.model.violation(f"config.ini gave {error!r}")
                return
            self.model.settings = [kept]
            self.count("settings changed")

    def take_new_id(self):
        try:
            with open(self.q("new-id")) as f:
                id = f.read().strip()
        except OSError:
            return
        with self.lock:
            if not id or id in self.ids:
                self.model.violation(f"new-id gave {id!r} twice")
            self.ids.add(id)

    def kill_processes_of_a_job(self):
        """All processes of an attempt at once. Not of trees: a process that has left the session would live on,
        as it should when an attempt ends by itself."""
        self.runs.read()
        with self.runs.lock:
            recent = list(self.runs.recent)
        for token, pid in reversed(recent):
            text = self.model.texts[token]
            if text.kind in ("tree", "service") or not self.is_ours(environment(pid)):
                continue
            text.job.may_fail = True
            doomed = [p for p in self.marked() if (process_group(p) == pid)]
            killed = False
            for process in [pid] + doomed:
                killed |= self.kill_if_ours(process)
            if killed:
                self.count("processes of jobs killed")
                return

    def is_ours(self, env):
        return f"FILED_MOUNT={self.mount}".encode() in env

    def kill_if_ours(self, pid):
        try:
            fd = os.pidfd_open(pid)
        except OSError:
            return False
        try:
            if not self.is_ours(environment(pid)):
                return False
            signal.pidfd_send_signal(fd, signal.SIGKILL)
            return True
        except OSError:
            return False
        finally:
            os.close(fd)

    def marked(self):
        """The processes of jobs of this queue that live: pid → time of start."""
        found = {}
        for name in os.listdir("/proc"):
            if name.isdigit() and self.is_ours(environment(name)):
                state = process_state(name)
                if state and state[0] not in "ZX":
                    found[int(name)] = state[1]
        return found

    def strays(self, found):
        """Those that live and were not left on purpose. What has just been told to end may need a moment."""
        def living():
            self.runs.read()
            return [pid for pid, start in found.items() if is_alive(pid, start) and not self.runs.may_live(pid)
                    and pid not in self.reported]
        try:
            wait_until("they have ended", lambda: not living(), 2)
        except Stuck:
            pass
        left = living()
        self.reported.update(left)
        return left

    def check_services(self):
        """What was left on purpose lives, until it is told to end here."""
        for pid, service in list(self.model.must_live.items()):
            if not is_alive(pid):
                self.model.violation(f"process {pid} is dead, and was left on purpose by {service.token}")
            elif self.random.random() < 0.7:
                continue
            else:
                self.kill_if_ours(pid)
                self.counts["services ended"] += 1
            del self.model.must_live[pid]
            del self.runs.services[pid]

    # --- what befalls filed

    def start(self, kill_early=False):
        before = self.marked()
        # What callers have open when it stops is left to its exit.
        env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
        self.filed = subprocess.Popen([os.path.join(OUT, "filed"), "-c", self.config],
                                      stdin=subprocess.DEVNULL, stderr=self.log, env=env, start_new_session=True)
        if kill_early:
            time.sleep(self.random.random() * 0.06 * SLOW)
            return
        wait_until("filed serves", lambda: self.exists("status") or self.filed.poll() is not None, 30)
        if self.filed.poll() is not None:
            raise Stuck(f"filed did not start: status {self.filed.returncode}")
        left = self.strays(before)
        if left:
            self.model.violation(f"processes of dead attempts live on after a start: {left}")
        for job in self.model.jobs.values():
            job.was_active = False
        self.counts["starts"] += 1

    def members(self):
        """filed's processes by what they are."""
        found = {"daemon": self.filed.pid}
        try:
            with open(f"/proc/{self.filed.pid}/task/{self.filed.pid}/children") as f:
                for pid in f.read().split():
                    with open(f"/proc/{pid}/comm") as comm:
                        found.setdefault(comm.read().strip().removeprefix("filed-"), int(pid))
        except OSError:
            pass
        return found

    def end_filed(self, victims):
        """Kills some, or tells all to stop, and waits until the daemon has ended."""
        members = self.members()
        self.is_doomed = victims != ("notifier",)
        if not victims:
            self.filed.send_signal(signal.SIGTERM)
            self.counts["stops"] += 1
            if self.random.random() < 0.3:  # killed while it stops
                time.sleep(self.random.random() * 0.15)
                victims = ("daemon",)
        victims = [v for v in victims if v in members]
        self.random.shuffle(victims)
        for victim in victims:
            try:
                os.kill(members[victim], signal.SIGKILL)
            except OSError:
                continue
            self.kills[victim] += 1
        if victims:
            self.counts["kills of " + "+".join(sorted(victims))] += 1
        return members

    def cycle(self):
        draw = self.random.random() * 100
        for weight, victims in VICTIMS:
            draw -= weight
            if draw < 0:
                break
        early = self.random.random() < 0.06
        runs_for = self.random.expovariate(1 / 0.25) * SLOW
        at_once = self.random.random() < 0.5
        self.is_doomed = False
        if early:
            self.is_doomed = True
            self.start(kill_early=True)
            self.end_filed(("daemon", "launcher") if "launcher" in victims else ("daemon",))
            self.filed.wait()
            self.check()
            return
        self.start()
        self.check_mount()
        self.go.set()
        time.sleep(min(runs_for, 1.5 * SLOW))
        if victims == ("notifier",):
            self.end_filed(victims)
            time.sleep(0.1)
            victims = ("daemon", "launcher")
        members = self.end_filed(victims)
        wait_until("the daemon has ended", lambda: self.filed.poll() is not None, 30)
        self.go.clear()
        for _ in self.threads:
            if not self.idle.acquire(timeout=30 * SLOW):
                raise Stuck("a call does not come back")
        if not victims and self.filed.returncode == 0:
            left = self.strays(self.marked())
            if left:
                self.model.violation(f"processes of jobs live on after a stop: {left}")
            if os.path.ismount(self.mount):
                self.model.violation("the mount is there after a stop")
        elif not at_once:
            for member, pid in members.items():
                wait_until(f"the {member} has ended", lambda p=pid: not is_alive(p), 20)
        self.check()

    def check(self):
        copy = os.path.join(self.dir, "copy")
        for name in ("", "-wal"):
            if os.path.exists(copy + name):
                os.unlink(copy + name)
            if os.path.exists(self.state + name):
                shutil.copyfile(self.state + name, copy + name)
        if not os.path.exists(copy):
            return
        snapshot = Snapshot(copy)
        self.model.check(snapshot)
        self.check_services()
        self.counts["checks of the state file"] += 1
        stopped = self.filed.returncode == 0
        if stopped and (snapshot.in_use or any(row.dir == "active" for row in snapshot.rows)):
            self.model.violation("it has stopped, and left jobs in active/")

    def check_mount(self):
        """Each job is to be seen in exactly one directory. Some move meanwhile: these are looked at
        again."""
        seen = Counter()
        for dir in DIRS:
            seen.update(os.listdir(self.q(dir)))
        for job in self.model.jobs.values():
            id = job.state.id
            if seen.pop(id, 0) == 1:
                continue
            for _ in range(100):
                places = [dir for dir in DIRS if self.exists(dir, id)]
                if len(places) == 1:
                    break
                time.sleep(0.01)
            else:
                self.model.violation(f"{id} is seen in {places or 'no directory'}")
        if seen:
            self.model.violation(f"seen, and not to be there: {sorted(seen)[:5]}")

    def is_empty(self):
        """Asked for at once: between two listings a job may go from one to the other."""
        with open(self.q("status")) as f:
            counters = dict(line.split() for line in f)
        return counters["pending"] == counters["active"] == "0"

    def drain(self):
        """In the end, everything has to run."""
        self.is_doomed = False
        self.start()
        self.check_mount()
        with open(self.q("config.ini"), "w") as f:
            f.write("workers = 8\n")
        self.model.settings = [{"workers": "8"}]
        for job in list(self.model.jobs.values()):
            if job.state.is_draft():
                self.release_or_hold(self.random, job)
        try:
            wait_until("all jobs have run", self.is_empty, 180)
        except Stuck as error:
            self.model.violation(str(error))
        self.filed.send_signal(signal.SIGTERM)
        wait_until("filed has stopped", lambda: self.filed.poll() is not None, 30)
        self.check()
        for job in self.model.jobs.values():
            if job.state.where is None:
                self.model.violation(f"job {job.number} never ran to its end: {self.model.describe(job)}")
        left = self.strays(self.marked())
        if self.filed.returncode != 0 or left or os.path.ismount(self.mount):
            self.model.violation(f"after the end: status {self.filed.returncode}, processes {left}, "
                                 f"mounted: {os.path.ismount(self.mount)}")

    def run(self):
        for thread in self.threads:
            thread.start()
        try:
            while time.monotonic() < self.end and sum(self.kills.values()) < self.most_kills:
                self.cycle()
                if len(self.model.violations) > 20:
                    break
            self.drain()
        except Stuck as error:
            self.model.violation(str(error))
        finally:
            with open(self.log.name, errors="replace") as f:
                for line in f:
                    if re.search(r"ERROR: [A-Za-z]*Sanitizer|runtime error:|terminate called", line):
                        self.model.violation(line.strip())
            self.clean_up()
        return not self.model.violations

    def clean_up(self):
        self.is_over = True
        self.is_doomed = True
        if self.filed and self.filed.poll() is None:
            for pid in self.members().values():
                os.kill(pid, signal.SIGKILL)
            self.filed.wait()
        self.go.set()
        for pid in self.marked():
            self.kill_if_ours(pid)
        for _ in range(10):
            if not any(line.split()[1] == self.mount for line in open("/proc/self/mounts")):
                break
            subprocess.run(["umount", "-l", self.mount], stderr=subprocess.DEVNULL, check=False) \
                if os.geteuid() == 0 else \
                subprocess.run(["fusermount3", "-u", "-z", "-q", self.mount], check=False)
        if self.model.violations:
            print(f"kept for a look: {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def report(self):
        texts = self.model.texts.values()
        print(f"acknowledged jobs {self.model.acknowledged}, attempts {self.runs.total}, "
              f"texts {len(texts)} of which {sum(self.runs.of(t) > 0 for t in texts)} ran")
        print(f"SIGKILLs {sum(self.kills.values())}: " +
              ", ".join(f"{k} {n}" for k, n in sorted(self.kills.items())))
        print(", ".join(f"{k} {n}" for k, n in sorted(self.counts.items())))
        print(f"violations {len(self.model.violations)}, seed {self.seed}")


def process_group(pid):
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def main():
    sys.setswitchinterval(0.001)
    seed = os.environ.get("seed") or str(random.SystemRandom().randrange(10**9))
    kills = int(os.environ.get("kills") or 0)
    minutes = float(os.environ.get("minutes") or (1 if not kills else 24 * 60))
    print(f"torture: seed {seed}", flush=True)
    torture = Torture(seed, minutes, kills or 10**9)
    is_sound = torture.run()
    torture.report()
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
