#include "queue/recovery.h"

#include "parts_rig.h"

using namespace filed;

namespace {

constexpr const char* kInterrupted =
    "\n\n[System Error]: interrupted: filed was killed or the machine stopped\n";

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
  REQUIRE(recover(store, clock) == 0);
  CHECK_FALSE(store.changed());
  CHECK(interrupted_attempts(store).empty());
  Job back = row(job.ino);
  CHECK(back.dir == Dir::kPending);
  CHECK(back.attempts == job.attempts);
  CHECK(back.mtime_ns == job.mtime_ns);
  CHECK(back.ctime_ns == clock.wall);
  std::string log;
  REQUIRE(store.read_chunk(back.log, 0, 0, 1000, log) == 0);
  CHECK(log == std::string(printed ? ">>> text\nsome" : ">>> text\n") + kInterrupted);
  CHECK(back.log_size == static_cast<int64_t>(log.size()));
  CHECK(row(waiting.ino).ctime_ns == waiting.ctime_ns);
}

TEST_CASE_METHOD(PartsRig, "what was to be killed is known until the recovery is committed") {
  REQUIRE(store.add_kill_pending({4711}) == 0);
  REQUIRE(turn.end() == 0);
  CHECK(interrupted_attempts(store) == std::vector<AttemptId>{4711});
  disk.fail(1);
  CHECK(recover(store, clock) == EIO);
  CHECK(interrupted_attempts(store) == std::vector<AttemptId>{4711});
  REQUIRE(recover(store, clock) == 0);
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
  REQUIRE(store.add_kill_pending({4712}) == 0);
  REQUIRE(turn.end() == 0);
  REQUIRE(recover(store, clock, {static_cast<AttemptId>(job.log), 4711, 99}) == 0);
  CHECK(row(job.ino).dir == Dir::kPending);
  std::vector<KillPending> left = {{job.log, job.ino, "j", kAlice.uid, 1}, gone};
  CHECK(store.kill_pending() == left);
  REQUIRE(recover(store, clock, {4711}) == 0);
  CHECK(store.kill_pending() == std::vector<KillPending>{gone});
}

TEST_CASE_METHOD(PartsRig, "a recovery that fails changes nothing") {
  Job job = add("j", Dir::kActive);
  add_log(job, "log");
  disk.fail(1);
  CHECK(recover(store, clock) == EIO);
  CHECK(row(job.ino).dir == Dir::kActive);
  CHECK(row(job.ino).log_size == job.log_size);
}
