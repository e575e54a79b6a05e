#include "queue/attempts.h"

#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "parts_rig.h"
#include "wait_status.h"

using namespace filed;
using Strings = std::vector<std::string>;

namespace {

class EndsRig : public AttemptsRig {
 public:
  int exit(AttemptId id, int status = 0) {
    AttemptExit exit;
    exit.wait_status = exited_with(status);
    attempts.exited(id, exit);
    return turn.end();
  }

  const Attempt& running(const Job& job) {
    REQUIRE(attempts.of(job.ino) != nullptr);
    return *attempts.of(job.ino);
  }
};

}  // namespace

TEST_CASE_METHOD(EndsRig, "an attempt starts after the commit of its claim, and not before") {
  Job job = add("j");
  REQUIRE(attempts.claim(job, "text") == 0);
  CHECK(launcher.attempts.empty());
  CHECK(attempts.busy_workers() == 1);
  SECTION("it starts") {
    REQUIRE(turn.end() == 0);
    CHECK(launcher.news() == Strings{"start j"});
    CHECK(row(job.ino).dir == Dir::kActive);
    CHECK(attempts.totals().started == 1);
  }
  SECTION("or is forgotten") {
    disk.fail(1);
    CHECK(turn.end() == EIO);
    CHECK(launcher.news().empty());
    CHECK(attempts.all_ended());
    CHECK_FALSE(attempts.has_unfinished(job));
    CHECK(row(job.ino).dir == Dir::kPending);
  }
}

TEST_CASE_METHOD(EndsRig, "the phases of an attempt that does not end by itself") {
  set("timeout = 10s\nkill_grace = 5s\n");
  Job job = add("j");
  AttemptId id = claim(job);
  CHECK(running(job).phase == Attempt::Phase::kStarting);
  attempts.started(id, 77);
  CHECK(running(job).phase == Attempt::Phase::kRunning);
  CHECK(running(job).pid == 77);
  CHECK(attempts.next_deadline_ns() == clock.mono + 10 * kNsPerSec);
  launcher.news();
  clock.advance_ms(10'000);
  attempts.run_deadlines(clock.mono);
  CHECK(running(job).phase == Attempt::Phase::kTerminating);
  CHECK(running(job).verdict == Attempt::Verdict::kTimedOut);
  clock.advance_ms(5'000);
  attempts.run_deadlines(clock.mono);
  CHECK(running(job).phase == Attempt::Phase::kKilling);
  CHECK(launcher.news() == Strings{"terminate j", "kill j"});
  CHECK_FALSE(attempts.next_deadline_ns());
  AttemptExit killed;
  killed.wait_status = SIGKILL;
  attempts.exited(id, killed);
  CHECK(running(job).phase == Attempt::Phase::kLeaving);
  CHECK(attempts.busy_workers() == 0);
  REQUIRE(turn.end() == 0);
  CHECK(attempts.all_ended());
  CHECK(row(job.ino).outcome.cause == "timed out after 10s");
}

TEST_CASE_METHOD(EndsRig, "an attempt that ran out of memory says so") {
  Job job = add("j");
  AttemptId id = claim(job);
  attempts.started(id, 77);
  AttemptExit exit;
  exit.wait_status = SIGKILL;
  exit.out_of_memory = true;
  attempts.exited(id, exit);
  REQUIRE(turn.end() == 0);
  CHECK(row(job.ino).outcome.cause == "out of memory");
}

TEST_CASE_METHOD(EndsRig, "an end that is not committed is kept, and staged again") {
  Job job = add("j");
  AttemptId id = claim(job);
  disk.fail(1);
  CHECK(exit(id) == EIO);
  CHECK(running(job).phase == Attempt::Phase::kEnded);
  CHECK(attempts.busy_workers() == 1);
  CHECK(agenda.retry_ns == clock.mono + kRetryDelayNs);
  attempts.retry_ends();
  CHECK(running(job).phase == Attempt::Phase::kLeaving);
  REQUIRE(turn.end() == 0);
  CHECK(attempts.all_ended());
  CHECK(row(job.ino).dir == Dir::kComplete);
  CHECK(attempts.totals().succeeded == 1);
}

TEST_CASE_METHOD(EndsRig, "an attempt keeps the terms that were in force at its claim") {
  set("retries = 1\nkill_grace = 1s\ntimeout = 10s\n");
  Job job = add("j");
  AttemptId id = claim(job);
  attempts.started(id, 1);
  CHECK(launcher.attempts.back().retries == 1);
  set("retries = 0\nkill_grace = 60s\ntimeout = 1s\n");
  clock.advance_ms(10'000);
  attempts.run_deadlines(clock.mono);
  CHECK(attempts.next_deadline_ns() == clock.mono + kNsPerSec);
  REQUIRE(exit(id, 1) == 0);
  CHECK(row(job.ino).dir == Dir::kPending);
  CHECK(row(job.ino).outcome.cause == "timed out after 10s");
}

TEST_CASE_METHOD(EndsRig, "a stopped attempt is killed after the commit, and its end is no end") {
  Job job = add("j");
  AttemptId id = claim(job);
  attempts.started(id, 1);
  attempts.output(id, "out");
  launcher.news();
  const Transition& move = transition(Event::kMoveToFailed, Dir::kActive);
  REQUIRE(attempts.stop(job, job, move) == 0);
  CHECK(launcher.news().empty());
  CHECK(attempts.of(job.ino) == nullptr);
  SECTION("once committed") {
    REQUIRE(turn.end() == 0);
    CHECK(launcher.news() == Strings{"kill j"});
    CHECK(attempts.has_unfinished(job));
    CHECK(store.kill_pending() ==
          std::vector<KillPending>{{static_cast<int64_t>(id), job.ino, "j", job.uid, 1}});
    attempts.output(id, "late");
    REQUIRE(exit(id) == 0);
    CHECK(row(job.ino).dir == Dir::kFailed);
    CHECK(row(job.ino).outcome.cause == "stopped by mv to failed");
    CHECK(store.kill_pending().empty());
    CHECK(attempts.all_ended());
    CHECK(attempts.totals().killed == 1);
  }
  SECTION("but goes on with its late output if the commit fails") {
    attempts.output(id, " and more");
    disk.fail(1);
    CHECK(turn.end() == EIO);
    CHECK(launcher.news().empty());
    CHECK(running(job).tie == Attempt::Tie::kAttached);
    CHECK(attempts.next_save_ns());
    REQUIRE(exit(id) == 0);
    CHECK(row(job.ino).dir == Dir::kComplete);
    CHECK(row(job.ino).log_size == static_cast<int64_t>(strlen(">>> text\nout and more")));
  }
}

TEST_CASE_METHOD(EndsRig, "output that was staged with a move that fails is still to be stored") {
  Job job = add("j");
  AttemptId id = claim(job);
  attempts.output(id, "out");
  REQUIRE(attempts.stop(job, job, transition(Event::kMoveToFailed, Dir::kActive)) == 0);
  clock.advance_ms(1000);
  attempts.save_output(clock.mono);
  disk.fail(1);
  CHECK(turn.end() == EIO);
  REQUIRE(attempts.next_save_ns());
  clock.advance_ms(1000);
  attempts.save_output(clock.mono);
  REQUIRE(turn.end() == 0);
  CHECK(has_log(job.log));
  CHECK_FALSE(attempts.next_save_ns());
}

TEST_CASE_METHOD(EndsRig, "the tries of an owner who has reached a limit are spread") {
  std::vector<int64_t> due;
  for (const char* id : {"a", "b", "c"}) {
    Job job = add(id);
    AttemptId attempt = claim(job);
    attempts.start_failed(attempt, {"exec", EAGAIN, Fault::kOwner});
    REQUIRE(turn.end() == 0);
    CHECK(row(job.ino).attempts == 0);
    due.push_back(row(job.ino).mtime_ns - clock.wall);
  }
  CHECK(due ==
        std::vector<int64_t>{kNsPerSec, kNsPerSec + 10 * kNsPerMs, kNsPerSec + 20 * kNsPerMs});
  CHECK_FALSE(agenda.retry_ns);
}

TEST_CASE_METHOD(EndsRig, "a lack of the machine's lets all starts wait") {
  Job job = add("j");
  attempts.start_failed(claim(job), {"fork", EAGAIN, Fault::kMachine});
  REQUIRE(turn.end() == 0);
  CHECK(agenda.retry_ns == clock.mono + kRetryDelayNs);
  CHECK(row(job.ino).outcome.cause == "could not start: fork: Resource temporarily unavailable");
}

TEST_CASE_METHOD(EndsRig, "a shutdown puts back; a second one kills at once") {
  set("retries = 0\n");
  Job one = add("one");
  Job two = add("two");
  AttemptId id = claim(one);
  attempts.started(id, 1);
  claim(two);
  launcher.news();
  agenda.stopping = true;
  attempts.stop_all(clock.mono, kNsPerSec);
  attempts.run_deadlines(clock.mono);
  CHECK(launcher.news().empty());
  attempts.kill_all(clock.mono);
  attempts.run_deadlines(clock.mono);
  Strings news = launcher.news();
  CHECK(std::set<std::string>(news.begin(), news.end()) ==
        std::set<std::string>{"kill one", "kill two"});
  REQUIRE(exit(id, 1) == 0);
  CHECK(row(one.ino).dir == Dir::kPending);
  CHECK(row(one.ino).attempts == 0);
  CHECK(row(one.ino).outcome.cause == "stopped with filed");
}

TEST_CASE_METHOD(EndsRig, "it gives up only when nothing but stored ends is missing") {
  Job job = add("j");
  AttemptId id = claim(job);
  attempts.give_up();
  CHECK_FALSE(attempts.gave_up());
  disk.fail(1);
  CHECK(exit(id) == EIO);
  attempts.give_up();
  CHECK(attempts.gave_up());
}

TEST_CASE_METHOD(EndsRig, "an attempt that does not die holds no worker, and blocks its own id") {
  set("timeout = 10s\nkill_grace = 5s\n");
  Job job = add("j");
  AttemptId id = claim(job);
  attempts.started(id, 77);
  clock.advance_ms(10'000);
  attempts.run_deadlines(clock.mono);
  clock.advance_ms(5'000);
  attempts.run_deadlines(clock.mono);
  CHECK(attempts.busy_workers() == 1);
  agenda.rescan_needed = false;
  attempts.undying(id, 77, 'D');
  CHECK(agenda.rescan_needed);
  CHECK(attempts.busy_workers() == 0);
  REQUIRE(attempts.undying().size() == 1);
  CHECK(attempts.undying()[0]->pid == 77);
  CHECK(attempts.undying()[0]->state == 'D');
  CHECK(attempts.has_unfinished(job));
  attempts.undying(id, 77, 'D');  // told again
  CHECK(attempts.busy_workers() == 0);
  launcher.news();
  SECTION("until it dies") {
    AttemptExit killed;
    killed.wait_status = SIGKILL;
    attempts.exited(id, killed);
    REQUIRE(turn.end() == 0);
    CHECK(row(job.ino).dir == Dir::kPending);
    CHECK(row(job.ino).outcome.cause == "timed out after 10s");
    CHECK_FALSE(attempts.has_unfinished(job));
    CHECK(attempts.undying().empty());
  }
  SECTION("its job can be moved, and it still blocks the id") {
    REQUIRE(attempts.stop(job, job, transition(Event::kMoveToFailed, Dir::kActive)) == 0);
    REQUIRE(turn.end() == 0);
    CHECK(launcher.news() == Strings{"kill j"});
    CHECK(attempts.busy_workers() == 0);
    CHECK(attempts.undying().size() == 1);
    Job other = job;
    other.ino = 12345;
    CHECK(attempts.has_unfinished(other));
    other.id = "k";
    CHECK_FALSE(attempts.has_unfinished(other));
    REQUIRE(exit(id) == 0);
    CHECK_FALSE(attempts.has_unfinished(job));
    CHECK(attempts.undying().empty());
  }
  SECTION("a stop does not wait for it") {
    CHECK(attempts.all_ended());
    agenda.stopping = true;
    attempts.stop_all(clock.mono, 0);
    attempts.kill_all(clock.mono);
    attempts.run_deadlines(clock.mono);
    CHECK(launcher.news().empty());
    CHECK(attempts.all_ended());
    attempts.give_up();
    CHECK(attempts.gave_up());
  }
}

TEST_CASE_METHOD(EndsRig, "what an earlier filed could not kill blocks its job until it dies") {
  Job job = add("j");
  KillPending left{4711, job.ino, "former", 1001, 2};
  REQUIRE(store.add_kill_pending(left) == 0);
  REQUIRE(turn.end() == 0);
  attempts.take_over(left, 77, 'D');
  attempts.take_over(left, 78, 'D');  // another process of it
  CHECK(attempts.busy_workers() == 0);
  CHECK(attempts.all_ended());
  REQUIRE(attempts.undying().size() == 1);
  CHECK(attempts.undying()[0]->pid == 77);
  CHECK(attempts.undying()[0]->uid == 1001);
  CHECK(attempts.has_unfinished(job));
  Job other = add("former");
  CHECK(attempts.has_unfinished(other));
  CHECK_FALSE(attempts.has_unfinished(add("else")));
  agenda.rescan_needed = false;
  bool fails = GENERATE(false, true);
  if (fails) disk.fail(1);
  attempts.exited(4711, {});
  CHECK(turn.end() == (fails ? EIO : 0));
  if (fails) {
    CHECK(attempts.has_unfinished(job));
    attempts.retry_ends();
    REQUIRE(turn.end() == 0);
  }
  CHECK(agenda.rescan_needed);
  CHECK_FALSE(attempts.has_unfinished(job));
  CHECK_FALSE(attempts.has_unfinished(other));
  CHECK(attempts.undying().empty());
  CHECK(store.kill_pending().empty());
  CHECK(launcher.news().empty());
}

TEST_CASE_METHOD(EndsRig, "a start that does not end may fail after all") {
  Job job = add("j");
  AttemptId id = claim(job);
  attempts.undying(id, 78, 'D');
  CHECK(attempts.busy_workers() == 0);
  CHECK(running(job).pid == 78);
  attempts.start_failed(id, {"exec", ETIMEDOUT});
  CHECK(attempts.undying().empty());
  CHECK(attempts.busy_workers() == 0);
  REQUIRE(turn.end() == 0);
  CHECK(row(job.ino).dir == Dir::kPending);
  attempts.undying(id, 78, 'D');  // of no effect
  CHECK(attempts.all_ended());
}

TEST_CASE_METHOD(EndsRig,
                 "who ends an attempt waits until it is killed, and for a second at most") {
  launcher.kills_take_time = true;
  Job job = add("j");
  AttemptId id = claim(job);
  attempts.started(id, 1);
  launcher.news();
  std::vector<int> answers;
  auto answer = [&](int error) { answers.push_back(error); };
  attempts.kill_before(job.ino, answer);
  attempts.kill_before(job.ino, answer);
  CHECK(answers.empty());
  CHECK(launcher.news() == Strings{"kill soon j", "kill soon j"});
  CHECK(attempts.next_deadline_ns() == clock.mono + kNsPerSec);
  SECTION("killed") {
    attempts.killed(id);
    CHECK(answers == std::vector<int>{0, 0});
    CHECK_FALSE(attempts.next_deadline_ns());
  }
  SECTION("ended by itself, which the caller learns first") {
    attempts.exited(id, {});
    CHECK(answers == std::vector<int>{0, 0});
  }
  SECTION("not within a second") {
    clock.advance_ms(1000);
    attempts.run_deadlines(clock.mono);
    CHECK(answers == std::vector<int>{EBUSY, EBUSY});
    CHECK(launcher.news() == Strings{"recall j"});
    CHECK(row(job.ino).dir == Dir::kActive);
    attempts.killed(id);  // too late to matter
    CHECK(answers.size() == 2);
  }
  SECTION("an attempt that ends in this turn, or has ended, is not waited for") {
    attempts.exited(id, {});
    attempts.kill_before(job.ino, answer);
    CHECK(answers.size() == 3);
    REQUIRE(turn.end() == 0);
    attempts.kill_before(job.ino, answer);
    CHECK(answers.size() == 4);
  }
}

TEST_CASE_METHOD(EndsRig, "a job that is removed as its attempt ends is removed") {
  launcher.kills_take_time = true;
  Job job = add("j");
  AttemptId id = claim(job);
  attempts.kill_before(job.ino, [&](int error) {
    CHECK(error == 0);
    CHECK(store.remove(job) == 0);
    CHECK(attempts.abandon(*attempts.of(job.ino), transition(Event::kRemove, Dir::kActive)) == 0);
  });
  REQUIRE(exit(id) == 0);
  CHECK_FALSE(has_row(job.ino));
  CHECK(attempts.all_ended());
  CHECK(store.kill_pending().empty());
}
