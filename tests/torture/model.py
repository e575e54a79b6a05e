"""What the torture test knows of the jobs: what it was promised, and what it may therefore find."""

import os
import re
import sqlite3
import threading
import time
import zlib
from dataclasses import dataclass, replace

DIRS = ("pending", "active", "failed", "complete")
INTERRUPTIONS = 3  # so often an attempt may be interrupted by crashes


class Text:
    """One text that was written to a job. A text that was never flushed may not run; one that was
    taken back may not run more often than it had by then."""

    def __init__(self, token, job, text, lines, code, kind):
        self.token, self.job, self.code, self.kind = token, job, code, kind
        self.bytes = text
        self.output = b"".join(b"%s %d %064d\n" % (token.encode(), i, i) for i in range(lines))
        self.may_run = False
        self.limit = None


@dataclass(frozen=True)
class State:
    """What is promised of a job at one moment."""

    present: bool
    id: str = ""
    text: Text = None
    where: str = None  # the directory that it is to be in; None: filed moves it as it goes
    need: int = 0  # so often its text has to have run before it may have ended

    def is_draft(self):
        return self.id.startswith(".")


ABSENT = State(False)


class Job:
    """A job, and the states that it may be in: several only after a call that a kill has cut off."""

    def __init__(self, number):
        self.number = number
        self.lock = threading.Lock()
        self.states = [ABSENT]
        self.may_fail = False  # its processes were killed
        self.was_active = False  # when filed died: a process of it may just be dying
        self.crashes = 0  # how often it was

    @property
    def state(self):
        return self.states[0]

    def is_certain(self):
        return len(self.states) == 1


class Service:
    """A process that an attempt has left on purpose."""

    def __init__(self, token, run, pid):
        self.token, self.run, self.pid = token, run, pid


class Runs:
    """The file to which jobs write that they run: how often each text has; and their effects."""

    def __init__(self, dir):
        self.lock = threading.Lock()
        self.file = open(os.path.join(dir, "runs"), "a+b")
        self.effects = os.path.join(dir, "effects")
        os.mkdir(self.effects)
        os.chmod(self.effects, 0o777)
        self.services = {}  # by pid
        self.ended = set()  # (token, number of the run) of attempts that have ended by themselves
        self.shells = {}  # token -> pid of the shell of its latest run
        self.at = 0
        self.rest = b""
        self.count = {}
        self.recent = []  # (token, pid of the shell)
        self.torn, self.doubled = [], []
        self.total = 0

    def read(self):
        with self.lock:
            self.file.seek(self.at)
            new = self.file.read()
            self.at += len(new)
            *lines, self.rest = (self.rest + new).split(b"\n")
            for line in lines:
                what, token, pid = line.decode().split()
                if what == "S":
                    self.total += 1
                    self.count[token] = self.count.get(token, 0) + 1
                    self.recent = self.recent[-50:] + [(token, int(pid))]
                    self.shells[token] = int(pid)
                elif what == "L":
                    self.services[int(pid)] = Service(token, self.count[token], int(pid))
                elif what == "Q":
                    self.ended.add((token, self.count[token]))
                else:
                    (self.torn if what == "T" else self.doubled).append(token)

    def of(self, text):
        return self.count.get(text.token, 0)

    def may_live(self, pid):
        """Whether it was left on purpose by an attempt that has ended by itself."""
        service = self.services.get(pid)
        return service is not None and (service.token, service.run) in self.ended

    def effect(self, token):
        """How much the latest run of a text has done."""
        try:
            return os.path.getsize(os.path.join(self.effects, f"{token}.{self.shells.get(token)}"))
        except OSError:
            return 0


class Row:
    def __init__(self, id, dir, text, log_size, has_log, interruptions, cause):
        self.id, self.dir, self.text = id, DIRS[dir], text
        self.interruptions, self.cause = interruptions, cause
        self.log_size, self.has_log, self.log = log_size, has_log, b""


class Snapshot:
    """All that a copy of the state file says, or what is wrong with it."""

    def __init__(self, path):
        self.errors = []
        self.rows, self.settings, self.in_use = [], {}, None
        db = sqlite3.connect(path)
        db.text_factory = bytes
        try:
            self._read(db)
        except sqlite3.Error as error:
            self.errors.append(f"the state file: {error}")
        finally:
            db.close()

    def _read(self, db):
        found = [row[0].decode() for row in db.execute("PRAGMA integrity_check")]
        if found != ["ok"]:
            self.errors.append(f"integrity_check: {found[:3]}")
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs'").fetchone():
            return  # killed before its first commit
        logs = {}
        # Rows with lower keys are what is kept for a full disk.
        for key, bytes in db.execute("SELECT key, bytes FROM log WHERE key >= 0 ORDER BY key"):
            logs[key >> 23] = logs.get(key >> 23, b"") + bytes
        counts = {}
        for id, uid, dir, text, log, size, interruptions, cause in db.execute(
                "SELECT id, uid, dir, text, log, log_size, interruptions, cause FROM jobs"):
            row = Row(id.decode(), dir, text, size or 0, log is not None, interruptions or 0, cause or b"")
            row.log = logs.pop(log, b"")
            self.rows.append(row)
            counts.setdefault(uid, [0] * 4)[dir] += 1
        for (log,) in db.execute("SELECT log FROM discarded"):
            logs.pop(log, None)
        if logs:
            self.errors.append(f"logs of no job: {sorted(logs)[:5]}")
        stored = {uid: list(of_dirs) for uid, *of_dirs in
                  db.execute("SELECT uid, pending, active, failed, complete FROM owners")}
        stored = {uid: of_dirs for uid, of_dirs in stored.items() if any(of_dirs)}
        if stored != counts:
            self.errors.append(f"the counts are {stored}, and there are {counts}")
        for key, value in db.execute("SELECT key, value FROM settings"):
            self.settings[key.decode()] = value.decode()
        (self.in_use,) = db.execute("SELECT in_use FROM state").fetchone()


# Why an attempt ended, and that it was cancelled later; and what a shell says of a process that was killed.
ENDING = re.compile(rb"(?:[^\n]*(?:Killed|Terminated)[^\n]*\n)*(?:\n\n\[System Error\]: [^\n]+\n){0,2}\Z")
# Why it was interrupted. After this line it goes on.
BREAK = re.compile(rb"(?:[^\n]*(?:Killed|Terminated)[^\n]*\n)*\n\n\[System Error\]: "
                   rb"(?:stopped with filed|interrupted: filed was killed or the machine stopped), [-0-9T:.]+Z\n")


def log_is_sound(row, text):
    """Complete in complete/, after the parts that were interrupted; elsewhere what was printed up to some point,
    and perhaps why it ended."""
    header = b">>> " + text.bytes + (b"" if text.bytes.endswith(b"\n") else b"\n")
    if row.dir in ("complete", "failed") and row.log_size != len(row.log):
        return False
    if not row.log.startswith(header):
        return row.dir in ("pending", "active") and header.startswith(row.log)
    *parts, last = BREAK.split(row.log[len(header):])
    if not all(text.output.startswith(part) for part in parts):
        return False
    if row.dir == "complete":
        return last == text.output
    end = max(0, len(last) - 500)
    return text.output.startswith(last[:end] + ENDING.sub(b"", last[end:]))


class Model:
    def __init__(self, runs):
        self.runs = runs
        self.jobs = {}  # by number
        self.texts = {}  # by token
        self.acknowledged = 0
        self.settings = [{}]
        self.must_live = {}  # services by pid
        self.stopped = []  # (token, its shell, its effect) of attempts that were stopped by a call
        self.violations = []

    def violation(self, what):
        self.violations.append(what)
        print(f"VIOLATION: {what}", flush=True)

    def allows(self, job, state, row):
        if row is None or not state.present:
            return row is None and not state.present
        if row.id != state.id or row.text != state.text.bytes:
            return False
        if state.where:
            return row.dir == state.where
        if state.is_draft():
            return row.dir == "pending"
        if row.dir in ("pending", "active"):
            return True
        if row.cause.startswith(b"interrupted %d times: " % INTERRUPTIONS):
            return row.dir == "failed"
        if self.runs.of(state.text) < state.need:
            return False
        code = state.text.code
        return code == 0 if row.dir == "complete" else code != 0 or job.may_fail

    def check(self, snapshot):
        """Compares what a dead filed has left with what it had promised; from then on, what was
        found is what is known."""
        self.runs.read()
        for error in snapshot.errors:
            self.violation(error)
        rows = {}
        for row in snapshot.rows:
            found = re.search(rb"torture-job \S+ (\d+) ", row.text)
            number = int(found.group(1)) if found else -1
            if number not in self.jobs:
                self.violation(f"{row.dir}/{row.id} is no job that was submitted: {row.text[:100]}")
            elif number in rows:
                self.violation(f"job {number} is there twice: {rows[number].id} and {row.id}")
            rows[number] = row
        for job in list(self.jobs.values()):
            self.check_job(job, rows.get(job.number))
        if snapshot.settings not in self.settings:
            self.violation(f"settings are {snapshot.settings}, may be {self.settings}")
        self.settings = [snapshot.settings]
        self.check_runs()
        self.check_effects()

    def check_job(self, job, row):
        allowed = [state for state in job.states if self.allows(job, state, row)]
        if not allowed:
            found = f"{row.dir}/{row.id}, {row.text[:80]}" if row else "nothing"
            self.violation(f"job {job.number} is {found}; may be {self.describe(job)}")
            del self.jobs[job.number]
            return
        state = replace(allowed[0], need=min(s.need for s in allowed))
        if row is None:
            for other in job.states:
                if other.present:
                    self.take_back(job, other.text, was_active=True)
            del self.jobs[job.number]
            return
        is_last = row.cause.startswith(b"interrupted %d times: " % INTERRUPTIONS)
        most = INTERRUPTIONS - (row.dir == "active")
        if row.interruptions > min(most, job.crashes) or is_last and row.interruptions != INTERRUPTIONS:
            self.violation(f"{row.dir}/{row.id} was interrupted {row.interruptions} times, and active at "
                           f"{job.crashes} crashes; {row.cause}")
        if not log_is_sound(row, state.text):
            self.violation(f"the log of {row.dir}/{row.id} is {row.log[:200]}...{row.log[-200:]}")
        if row.dir in ("complete", "failed"):
            state = replace(state, where=row.dir)
        for other in job.states:  # which a call that was cut off would have put there, or has replaced
            if other.present and other.text is not state.text:
                self.take_back(job, other.text)
        job.states = [state]
        job.was_active = row.dir == "active"
        job.crashes += job.was_active
        if row.dir in ("complete", "failed") and row.log_size == len(row.log):
            self.note_services(row, state.text)
        if state.is_draft() and self.runs.of(state.text) == 0:
            state.text.may_run = False

    def check_runs(self):
        for token, count in self.runs.count.items():
            text = self.texts.get(token)
            if text is None:
                continue
            if not text.may_run:
                self.violation(f"text {token} has run, and was never acknowledged")
            elif text.limit is not None and count > text.limit:
                self.violation(f"text {token} has run {count} times, and was taken back after {text.limit}")
        for what, tokens in (("ran torn", self.runs.torn), ("ran twice at once", self.runs.doubled)):
            for token in tokens:
                self.violation(f"text {token} {what}")
            tokens.clear()

    def note_services(self, row, text):
        """What the latest attempt has left on purpose must live, if it has ended by itself."""
        ended_by_itself = row.dir == "complete" or row.log.endswith(b": exit status %d\n" % text.code)
        run = self.runs.of(text)
        if text.kind != "service" or not ended_by_itself or (text.token, run) not in self.runs.ended:
            return
        for service in self.runs.services.values():
            if (service.token, service.run) == (text.token, run):
                self.must_live.setdefault(service.pid, service)

    def check_effects(self):
        """What a call has stopped does nothing more."""
        for token, shell, effect in self.stopped:
            now = os.path.getsize(os.path.join(self.runs.effects, f"{token}.{shell}"))
            if now != effect:
                self.violation(f"text {token} has acted {now - effect} times after it was stopped")
        self.stopped.clear()

    def note_stop(self, text):
        """A call has just stopped its attempt. A write that had begun may still end."""
        time.sleep(0.02)
        self.runs.read()
        shell = self.runs.shells.get(text.token)
        if shell is not None and self.runs.of(text) > 0:
            self.stopped.append((text.token, shell, self.runs.effect(text.token)))

    def take_back(self, job, text, was_active=False):
        """From now on it may not start any more; an attempt that dies may just be about to."""
        self.runs.read()
        text.limit = self.runs.of(text) + (1 if was_active or job.was_active else 0)

    def describe(self, job):
        return "; or ".join(
            f"{s.where or 'any'}/{s.id} {s.text.token} (code {s.text.code}, ran {self.runs.of(s.text)}, "
            f"needs {s.need})" if s.present else "nothing" for s in job.states)
