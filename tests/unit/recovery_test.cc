#include "queue/recovery.h"

#include "parts_rig.h"
#include "queue/log_text.h"
#include "queue/stored_log.h"

using namespace filed;

namespace {

// The line that a recovery adds.
std::string interrupted_line(const FakeClock& clock) {
  return log_break("interrupted: filed was killed or the machine stopped", clock.wall);
}

}  // namespace

TEST_CASE_METHOD(PartsRig, "active jobs go back to pending, with what is stored of their logs") {
  Job job = add("j", Dir::kActive);
  bool printed = GENERATE(true, false);
  if (printed) {
    add_log(job, ">>> text\nsome");
  } else {
    Job before = job;
    job.log = store.next_sequence_number();
    REQUIRE(store.update(before, job) == 0);
    REQUIRE(turn.end() == 0);
  }
  Job waiting = add("waiting");
  clock.advance_ms(5);
  REQUIRE(interrupted_attempts(store) == std::vector<AttemptId>{static_cast<AttemptId>(job.log)});
  REQUIRE(recover(store, clock, base.queue) == 0);
  CHECK_FALSE(store.changed());
  CHECK(interrupted_attempts(store).empty());
  Job back = row(job.ino);
  CHECK(back.dir == Dir::kPending);
  CHECK(back.attempts == job.attempts);
  CHECK(back.mtime_ns == job.mtime_ns);
  CHECK(back.ctime_ns == clock.wall);
  std::string log;
  REQUIRE(store.read_chunk(back.log, 0, 0, 1000, log) == 0);
  CHECK(log == std::string(printed ? ">>> text\nsome" : ">>> text\n") + interrupted_line(clock));
  CHECK(back.log_size == static_cast<int64_t>(log.size()));
  CHECK(row(waiting.ino).ctime_ns == waiting.ctime_ns);
}

TEST_CASE_METHOD(PartsRig, "what was to be killed is known until the recovery is committed") {
  REQUIRE(store.add_kill_pending({4711, 12, "id", 1001, 1}) == 0);
  REQUIRE(turn.end() == 0);
  CHECK(interrupted_attempts(store) == std::vector<AttemptId>{4711});
  disk.fail(1);
  CHECK(recover(store, clock, base.queue) == EIO);
  CHECK(interrupted_attempts(store) == std::vector<AttemptId>{4711});
  REQUIRE(recover(store, clock, base.queue) == 0);
  CHECK(interrupted_attempts(store).empty());
}

TEST_CASE_METHOD(PartsRig,
                 "what does not die is still to be killed, with the job that waits for it") {
  Job job = add("j", Dir::kActive);
  add_log(job, "log");
  Job other = add("other", Dir::kActive);
  add_log(other, "log");
  KillPending gone{4711, 12, "gone", 1001, 3};
  REQUIRE(store.add_kill_pending(gone) == 0);
  REQUIRE(store.add_kill_pending({4712, 13, "id", 1001, 1}) == 0);
  REQUIRE(turn.end() == 0);
  REQUIRE(recover(store, clock, base.queue, {static_cast<AttemptId>(job.log), 4711, 99}) == 0);
  CHECK(row(job.ino).dir == Dir::kPending);
  std::vector<KillPending> left = {{job.log, job.ino, "j", kAlice.uid, 1}, gone};
  CHECK(store.kill_pending() == left);
  REQUIRE(recover(store, clock, base.queue, {4711}) == 0);
  CHECK(store.kill_pending() == std::vector<KillPending>{gone});
}

TEST_CASE_METHOD(PartsRig, "a recovery that fails changes nothing") {
  Job job = add("j", Dir::kActive);
  add_log(job, "log");
  disk.fail(1);
  CHECK(recover(store, clock, base.queue) == EIO);
  CHECK(row(job.ino).dir == Dir::kActive);
  CHECK(row(job.ino).log_size == job.log_size);
}

TEST_CASE_METHOD(PartsRig, "a job that was interrupted too often fails, with that cause") {
  base.queue.interruptions = GENERATE(1, 3);
  Job job = add("j", Dir::kActive);
  add_log(job, ">>> text\n");
  for (int times = 1; times < base.queue.interruptions; ++times) {
    REQUIRE(recover(store, clock, base.queue) == 0);
    Job before = row(job.ino);
    CHECK(before.dir == Dir::kPending);
    CHECK(before.outcome.interruptions == times);
    CHECK(before.attempts == job.attempts);
    Job active = before;
    active.dir = Dir::kActive;
    REQUIRE(store.update(before, active) == 0);
    REQUIRE(turn.end() == 0);
  }
  clock.advance_ms(5);
  REQUIRE(recover(store, clock, base.queue) == 0);
  Job failed = row(job.ino);
  CHECK(failed.dir == Dir::kFailed);
  CHECK(failed.attempts == job.attempts + 1);
  CHECK(failed.mtime_ns == clock.wall);
  CHECK(failed.outcome.finished_ns == clock.wall);
  std::string cause = base.queue.interruptions == 1 ? "interrupted 1 time" : "interrupted 3 times";
  cause += ": filed was killed or the machine stopped";
  CHECK(failed.outcome.cause == cause);
  std::string log;
  REQUIRE(StoredLog(store, failed.log).read(0, 10'000, log) == 0);
  CHECK(log.ends_with("\n\n[System Error]: " + cause + "\n"));
  CHECK(failed.log_size == static_cast<int64_t>(log.size()));
}

TEST_CASE_METHOD(PartsRig, "with interruptions = 0 no number of crashes makes a job fail") {
  base.queue.interruptions = 0;
  Job job = add("j", Dir::kActive);
  job.outcome.interruptions = 1'000'000;
  REQUIRE(store.update(row(job.ino), job) == 0);
  add_log(job, "log");
  REQUIRE(recover(store, clock, base.queue) == 0);
  CHECK(row(job.ino).dir == Dir::kPending);
  CHECK(row(job.ino).outcome.interruptions == 1'000'001);
}

TEST_CASE_METHOD(PartsRig, "what a crash has left of a log gets its whole header") {
  std::string text(200'000, 't');
  std::string header = ">>> " + text + "\n";
  Job job = add("j", Dir::kActive, text);
  size_t stored = GENERATE(0, 1, 65536, 131072, 200'003, 200'004, 200'005, 200'006);
  std::string begin = (header + "output").substr(0, stored);
  Job before = job;
  job.log = store.next_sequence_number();
  if (stored > 0) {
    REQUIRE(StoredLog(store, job.log).append(store, 0, begin) == 0);
  }
  REQUIRE(store.update(before, job) == 0);
  REQUIRE(turn.end() == 0);
  REQUIRE(recover(store, clock, base.queue) == 0);
  std::string log;
  REQUIRE(StoredLog(store, job.log).read(0, 1'000'000, log) == 0);
  CHECK((log == std::max(header, begin) + interrupted_line(clock)));
  CHECK(row(job.ino).log_size == static_cast<int64_t>(log.size()));
}
