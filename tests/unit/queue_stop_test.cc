// The stop of filed and the next start, turn by turn: grace, signals, and what a crash leaves.
#include <algorithm>

#include "catch.h"
#include "queue_rig.h"

using namespace filed;

// --- the stop

TEST_CASE_METHOD(QueueRig, "a stop gives grace, then TERM, then KILL, and puts back") {
  set([](QueueSettings& queue) {
    queue.workers = 2;
    queue.stop_grace_ms = 10'000;
    queue.kill_grace_ms = 5000;
  });
  submit("quick", "x");
  submit("slow", "x");
  submit("waits", "x");
  begin("quick");
  begin("slow");
  news();
  int64_t due = job(kPending, "waits").mtime_ns;
  queue->stop();
  turn();
  CHECK(news().empty());
  CHECK_FALSE(queue->stopped());
  pass_ms(5000);
  exit("quick", 0);
  CHECK(ls(kComplete) == Strings{"quick"});
  CHECK(news().empty());  // nothing new starts
  pass_ms(5000);
  CHECK(news() == Strings{"terminate slow"});
  pass_ms(5000);
  CHECK(news() == Strings{"kill slow"});
  die("slow", SIGKILL);
  CHECK(queue->stopped());
  Job back = job(kPending, "slow");
  CHECK(back.attempts == 0);
  CHECK(back.mtime_ns == due);
  stop_and_start();
  turn();
  CHECK(news() == Strings{"start slow", "start waits"});
  CHECK(launcher.attempts.back().number == 1);
}

TEST_CASE_METHOD(QueueRig, "a second stop kills at once") {
  submit("j", "x");
  begin("j");
  news();
  queue->stop();
  turn();
  queue->stop();
  turn();
  CHECK(news() == Strings{"kill j"});
  die("j", SIGKILL);
  CHECK(queue->stopped());
  CHECK(job(kPending, "j").attempts == 0);
}

TEST_CASE_METHOD(QueueRig, "a job that fails by itself in the grace of a stop is retried as ever") {
  submit("j", "x");
  begin("j");
  queue->stop();
  exit("j", 1);
  CHECK(job(kPending, "j").attempts == 1);
  CHECK(queue->stopped());
}

TEST_CASE_METHOD(QueueRig,
                 "a stop waits for what was moved away and still dies, and not for more") {
  submit("j", "x");
  begin("j");
  mv(kActive, "j", kFailed);
  queue->stop();
  turn();
  CHECK_FALSE(queue->stopped());
  die("j", SIGKILL);
  CHECK(queue->stopped());
}

TEST_CASE_METHOD(
    QueueRig,
    "an attempt that ended before the stop is not put back, however long the disk is full") {
  submit("j", "x");
  begin("j");
  disk.fail(1, SQLITE_FULL, 1'000'000);
  AttemptExit exit;
  queue->launcher_events().exited(run("j"), exit);
  CHECK(queue->end_turn() == ENOSPC);
  queue->stop();
  if (GENERATE(true, false)) queue->stop();
  pass_ms(20'000);
  news();
  disk.fail(0);
  pass_ms(20'000);
  CHECK(news().empty());
  CHECK(ls(kComplete) == Strings{"j"});
  CHECK(queue->stopped());
}

TEST_CASE_METHOD(QueueRig, "a stop does not wait for ever for a disk that stays full") {
  submit("j", "x");
  begin("j");
  disk.fail(1, SQLITE_FULL, 1'000'000);
  AttemptExit exit;
  queue->launcher_events().exited(run("j"), exit);
  queue->end_turn();
  queue->stop();
  for (int i = 0; i < 20 && !queue->stopped(); ++i) pass_ms(1000);
  CHECK(queue->stopped());
}

// --- recovery

TEST_CASE_METHOD(QueueRig, "a job that was active at a crash runs again, the attempt not counted") {
  submit("j", "x");
  exit("j", 1);
  pass_ms(1000);
  CHECK(launcher.attempts.back().number == 2);
  int64_t due = 0;
  bool printed = GENERATE(true, false);
  if (printed) {
    print("j", "some output");
    pass_ms(1000);
  }
  AttemptId interrupted = run("j");
  disk.cut_process();
  queue.reset();
  store.reset();
  store.emplace(dir.file("db"));
  queue.emplace(*store, launcher, clock, LiveSettings(settings), options);
  CHECK(interrupted_attempts(*store) == std::vector<AttemptId>{interrupted});
  REQUIRE(recover(*store, clock, queue->settings()) == 0);
  CHECK(interrupted_attempts(*store).empty());
  Job back = job(kPending, "j");
  CHECK(back.attempts == 1);
  CHECK(back.mtime_ns > due);
  std::string log;
  REQUIRE(store->read_chunk(back.log, 0, 0, 1000, log) == 0);
  CHECK(log == std::string(">>> x\n") + (printed ? "some output" : "") +
                   log_break("interrupted: filed was killed or the machine stopped", clock.wall));
  CHECK(back.log_size == static_cast<int64_t>(log.size()));
  launcher.told.clear();
  turn();
  CHECK(news() == Strings{"start j"});
  CHECK(launcher.attempts.back().number == 2);
  // It goes on in the same log.
  CHECK(launcher.attempts.back().attempt == interrupted);
  print("j", "more");
  CHECK(cat(kActive, "j") == log + "more");
  exit("j", 0);
  CHECK(cat(kComplete, "j") == log + "more");
  CHECK(job(kComplete, "j").attempts == 2);
}

TEST_CASE_METHOD(QueueRig, "a job is told how often its attempt was interrupted") {
  auto interrupted = [&] {
    using Variable = std::pair<std::string, std::string>;
    std::vector<Variable> env = launcher.attempts.back().env;
    REQUIRE(env.size() == 1);
    CHECK(env[0].first == "FILED_INTERRUPTED");
    return std::stoi(env[0].second);
  };
  submit("j", "x");
  CHECK(interrupted() == 0);
  crash_and_start();
  turn();
  CHECK(interrupted() == 1);
  SECTION("a stop and a start that is put off do not count") {
    queue->stop();
    turn();
    queue->stop();
    turn();
    die("j", SIGKILL);
    CHECK_FALSE(job(kPending, "j").outcome.wait_status);
    stop_and_start();
    turn();
    CHECK(interrupted() == 1);
    queue->launcher_events().start_failed(run("j"), {"fork", EAGAIN, Fault::kMachine});
    turn();
    pass_ms(1000);
    CHECK(interrupted() == 1);
    crash_and_start();
    turn();
    CHECK(interrupted() == 2);
    CHECK(launcher.attempts.back().number == 1);
  }
  SECTION("the next attempt begins from 0") {
    exit("j", 1);
    CHECK(job(kPending, "j").outcome.interruptions == 1);
    pass_ms(1000);
    CHECK(launcher.attempts.back().number == 2);
    CHECK(interrupted() == 0);
  }
  SECTION("so does one that follows a cancel") {
    crash_and_start();
    REQUIRE(mv(kPending, "j", kFailed) == 0);
    CHECK(job(kFailed, "j").outcome.interruptions == 2);
    CHECK(job(kFailed, "j").outcome.finished_ns == clock.wall);
    REQUIRE(mv(kFailed, "j", kPending) == 0);
    CHECK(interrupted() == 0);
  }
  SECTION("the last crash that is permitted makes it fail") {
    crash_and_start();
    turn();
    CHECK(is_in(kActive, "j"));
    crash_and_start();
    turn();
    CHECK(job(kFailed, "j").attempts == 1);
  }
}

TEST_CASE_METHOD(QueueRig, "the next start knows the attempts that were still to be killed") {
  set([](QueueSettings& settings) { settings.workers = 3; });
  submit("removed", "a");
  submit("failed", "b");
  submit("queued", "c");
  std::vector<AttemptId> stopped = {run("removed"), run("failed"), run("queued")};
  REQUIRE(rm(kActive, "removed") == 0);
  REQUIRE(mv(kActive, "failed", kFailed) == 0);
  REQUIRE(mv(kActive, "queued", kPending) == 0);
  auto interrupted = [&] {
    disk.cut_process();
    queue.reset();
    store.emplace(dir.file("db"));
    queue.emplace(*store, launcher, clock, LiveSettings(settings), options);
    return interrupted_attempts(*store);
  };
  SECTION("until they have ended") {
    CHECK(interrupted() == stopped);
    REQUIRE(recover(*store, clock, queue->settings()) == 0);
    CHECK(interrupted_attempts(*store).empty());
  }
  SECTION("and not after they have") {
    for (AttemptId id : stopped) queue->launcher_events().exited(id, {SIGKILL, 0, 0});
    REQUIRE(queue->end_turn() == 0);
    std::vector<AttemptId> left = interrupted();
    for (AttemptId id : stopped) CHECK(std::find(left.begin(), left.end(), id) == left.end());
  }
}

TEST_CASE_METHOD(QueueRig, "the line of an interrupted attempt may cross into the next chunk") {
  submit("j", "x");
  begin("j");
  print("j", std::string(Store::kChunkSize - 6 - 10, 'o'));
  pass_ms(1000);
  crash_and_start();
  Job back = job(kPending, "j");
  std::string log;
  REQUIRE(store->read_chunk(back.log, 1, 0, 1000, log) == 0);
  CHECK(log == "Error]: interrupted: filed was killed or the machine stopped, " +
                   utc_time(clock.wall) + "\n");
  CHECK(back.log_size == Store::kChunkSize + static_cast<int64_t>(log.size()));
  turn();
  print("j", "more");
  CHECK(cat(kActive, "j").ends_with(log + "more"));
}

TEST_CASE_METHOD(QueueRig, "what a stop has put back goes on in the same log") {
  submit("j", "x");
  begin("j");
  print("j", "one");
  queue->stop();
  turn();
  queue->stop();
  turn();
  die("j", SIGKILL);
  Job back = job(kPending, "j");
  CHECK(back.outcome.cause == "stopped with filed");
  CHECK(back.outcome.finished_ns == 0);
  std::string first = ">>> x\none" + log_break("stopped with filed", clock.wall);
  SECTION("the next start") {
    clock.advance_ms(1000);
    stop_and_start();
    turn();
    print("j", "two");
    exit("j", 7);
    mv(kPending, "j", kFailed);
    CHECK(cat(kFailed, "j") ==
          first +
              "two\n\n[System Error]: exit status 7\n"
              "\n\n[System Error]: cancelled by mv to failed, last attempt: exit status 7\n");
  }
  SECTION("or a cancel, which says what was") {
    mv(kPending, "j", kFailed);
    CHECK(cat(kFailed, "j") ==
          first +
              "\n\n[System Error]: cancelled by mv to failed, last attempt: stopped with filed\n");
    CHECK(job(kFailed, "j").outcome.finished_ns == clock.wall);
  }
}

// --- the log of the attempt before

class LogsRig : public QueueRig {
 public:
  int64_t size_of(int64_t log) {
    int64_t size = 0;
    REQUIRE(store->log_size(log, size) == 0);
    return size;
  }
};

TEST_CASE_METHOD(LogsRig, "the last log stays until the next attempt ends") {
  set([](QueueSettings& settings) { settings.retries = 9; });
  submit("j", "x");
  begin("j");
  print("j", "one");
  exit("j", 1);
  Job waits = job(kPending, "j");
  int64_t last = waits.log;
  CHECK(size_of(last) == waits.log_size);
  pass_ms(1000);
  CHECK(job(kActive, "j").log != last);
  CHECK(cat(kActive, "j") == ">>> x\n");
  CHECK(size_of(last) == waits.log_size);
  SECTION("it ends") {
    exit("j", 1);
    CHECK(size_of(last) == 0);
  }
  SECTION("its end cannot be stored at once") {
    disk.fail(1, SQLITE_FULL, 1'000'000);
    AttemptExit failed;
    failed.wait_status = exited_with(1);
    queue->launcher_events().exited(run("j"), failed);
    CHECK(queue->end_turn() == ENOSPC);
    disk.fail(0);
    CHECK(size_of(last) == waits.log_size);
    pass_ms(1000);
    CHECK(size_of(last) == 0);
    CHECK(job(kPending, "j").attempts == 2);
  }
  SECTION("it is moved") {
    REQUIRE(mv(kActive, "j", GENERATE(kFailed, kPending)) == 0);
    CHECK(size_of(last) == 0);
  }
  SECTION("it is removed") {
    REQUIRE(rm(kActive, "j") == 0);
    CHECK(size_of(last) == 0);
  }
  SECTION("filed dies") {
    crash_and_start();
    CHECK(size_of(last) == 0);
    CHECK(is_in(kPending, "j"));
  }
  SECTION("it cannot start, and the job is as it was before") {
    queue->launcher_events().start_failed(run("j"), {"fork", EAGAIN, Fault::kMachine});
    turn();
    Job back = job(kPending, "j");
    CHECK(back.log == last);
    CHECK(back.log_size == waits.log_size);
    CHECK(back.atime_ns == waits.atime_ns);
    CHECK(back.attempts == 1);
    CHECK(back.outcome.cause == "exit status 1");
    CHECK(back.outcome.wait_status == waits.outcome.wait_status);
    crash_and_start();
    CHECK(size_of(last) == waits.log_size);
    pass_ms(1000);
    exit("j", 0);
    CHECK(size_of(last) == 0);
  }
}

TEST_CASE_METHOD(LogsRig, "a reader of the last log keeps it, whatever becomes of the job") {
  submit("j", "x");
  begin("j");
  print("j", "one");
  exit("j", 1);
  mv(kPending, "j", kFailed);
  OpenJob reader = open(kFailed, "j");
  std::string log = read(reader);
  mv(kFailed, "j", kPending);
  turn();
  REQUIRE(is_in(kActive, "j"));
  bool puts_off = GENERATE(true, false);
  if (puts_off) {
    queue->launcher_events().start_failed(run("j"), {"fork", EAGAIN, Fault::kMachine});
  } else {
    exit("j", 0);
  }
  turn();
  CHECK(read(reader) == log);
  int64_t number = reader.log;
  queue->close(reader);
  turn();
  CHECK(size_of(number) == (puts_off ? static_cast<int64_t>(log.size()) : 0));
}

TEST_CASE_METHOD(QueueRig, "a move of all failed jobs to pending can be undone") {
  set([](QueueSettings& settings) { settings.retries = 0; });
  submit("j", "x");
  begin("j");
  print("j", "what went wrong");
  exit("j", 1);
  std::string log = cat(kFailed, "j");
  set([](QueueSettings& settings) { settings.workers = 0; });
  REQUIRE(mv(kFailed, "j", kPending) == 0);
  REQUIRE(mv(kPending, "j", kFailed) == 0);
  CHECK(cat(kFailed, "j") ==
        log + "\n\n[System Error]: cancelled by mv to failed, last attempt: exit status 1\n");
}
