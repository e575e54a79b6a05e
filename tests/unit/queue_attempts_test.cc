// How jobs run, turn by turn: retries, timeouts, output, failed starts, expiry, and clocks that are
// set.
#include "catch.h"
#include "config/units.h"
#include "queue_rig.h"

using namespace filed;

// --- retries

TEST_CASE_METHOD(QueueRig,
                 "a failed attempt is retried after a growing delay, then the job has failed") {
  set([](QueueSettings& queue) {
    queue.retries = 4;
    queue.backoff_ms = 1000;
    queue.backoff_factor = 3;
    queue.backoff_max_ms = 10'000;
  });
  submit("j", "x");
  int64_t delays[] = {1000, 3000, 9000, 10'000};
  for (int attempt = 1; attempt <= 4; ++attempt) {
    CHECK(launcher.attempts.back().number == attempt);
    CHECK(launcher.attempts.back().retries == 4);
    print("j", "try\n");
    exit("j", attempt);
    Job waiting = job(kPending, "j");
    CHECK(waiting.attempts == attempt);
    CHECK(waiting.mtime_ns == clock.wall + delays[attempt - 1] * kNsPerMs);
    CHECK(queue->next_wall_ns() == waiting.mtime_ns);
    CHECK(queue->count_waiting() == 1);
    CHECK(cat(kPending, "j") == "x");
    news();
    pass_ms(delays[attempt - 1] - 1);
    CHECK(news().empty());
    pass_ms(1);
    CHECK(news() == Strings{"start j"});
  }
  CHECK(launcher.attempts.back().number == 5);
  exit("j", 5);
  CHECK(cat(kFailed, "j") == ">>> x\n\n\n[System Error]: exit status 5\n");
  CHECK(job(kFailed, "j").attempts == 5);
  CHECK(queue->totals().started == 5);
  CHECK(queue->totals().retried == 4);
  CHECK(queue->totals().failed == 1);
  CHECK(watched.back() == "active > failed j");
}

TEST_CASE_METHOD(QueueRig, "the largest factor and number of retries do not overflow a delay") {
  set([](QueueSettings& queue) {
    queue.retries = 1'000'000;
    queue.backoff_factor = 1e9;
    queue.backoff_max_ms = 3'600'000;
  });
  submit("j", "x");
  for (int i = 0; i < 200; ++i) {
    exit("j", 1);
    CHECK(job(kPending, "j").mtime_ns <= clock.wall + 3600 * kNsPerSec);
    CHECK(job(kPending, "j").mtime_ns >= clock.wall);
    touch(kPending, "j", 0);
  }
}

TEST_CASE_METHOD(QueueRig, "a job that was killed by a signal is retried like any other") {
  submit("j", "x");
  die("j", SIGSEGV);
  CHECK(job(kPending, "j").outcome.cause == "signal: segmentation fault");
  CHECK(job(kPending, "j").outcome.wait_status == SIGSEGV);
}

TEST_CASE_METHOD(QueueRig, "touch brings a waiting retry forward") {
  submit("j", "x");
  exit("j", 1);
  news();
  CHECK(touch(kPending, "j", 0) == 0);
  CHECK(news() == Strings{"start j"});
  CHECK(launcher.attempts.back().number == 2);
}

// --- timeouts

TEST_CASE_METHOD(QueueRig, "what passes while filed stands still goes before a timeout") {
  set([](QueueSettings& queue) {
    queue.workers = 2;
    queue.timeout_ms = 6000;
  });
  submit("short", "x");
  begin("short");
  submit("long", "x");
  begin("long");
  news();
  int64_t looked = clock.mono;
  clock.advance_ms(7000);
  queue->end_turn(looked);
  CHECK(news().empty());
  AttemptExit exit;
  exit.wait_status = exited_with(0);
  queue->launcher_events().exited(run("short"), exit);
  queue->end_turn(clock.mono);
  CHECK(is_in(kComplete, "short"));
  CHECK(news() == Strings{"terminate long"});
}

TEST_CASE_METHOD(QueueRig, "a timeout is TERM, then KILL, and counts as a failed attempt") {
  set([](QueueSettings& queue) {
    queue.retries = 1;
    queue.timeout_ms = 30'000;
    queue.kill_grace_ms = 5000;
  });
  submit("j", "x");
  clock.advance_ms(4000);  // a slow start is not the job's time
  begin("j");
  news();
  CHECK(queue->next_deadline_ns() == clock.mono + 30 * kNsPerSec);
  pass_ms(29'999);
  CHECK(news().empty());
  pass_ms(1);
  CHECK(news() == Strings{"terminate j"});
  CHECK(queue->next_deadline_ns() == clock.mono + 5 * kNsPerSec);
  pass_ms(4999);
  CHECK(news().empty());
  pass_ms(1);
  CHECK(news() == Strings{"kill j"});
  CHECK(!queue->next_deadline_ns());
  die("j", SIGKILL);
  CHECK(job(kPending, "j").attempts == 1);
  pass_ms(1000);
  begin("j");
  pass_ms(30'000);
  exit("j", 0);  // on TERM it ends in its own way: too late all the same
  CHECK(cat(kFailed, "j") == ">>> x\n\n\n[System Error]: timed out after 30s\n");
}

TEST_CASE_METHOD(QueueRig, "a job that ends in time is not bothered") {
  set([](QueueSettings& queue) { queue.timeout_ms = 1000; });
  submit("j", "x");
  begin("j");
  pass_ms(999);
  exit("j", 0);
  news();
  pass_ms(100'000);
  CHECK(news().empty());
  CHECK(ls(kComplete) == Strings{"j"});
}

TEST_CASE_METHOD(QueueRig, "a step of the wall clock neither spares nor kills a job") {
  set([](QueueSettings& queue) { queue.timeout_ms = 10'000; });
  submit("j", "x");
  begin("j");
  news();
  clock.wall += 365 * 86'400 * kNsPerSec;
  pass_ms(9999);
  CHECK(news().empty());
  clock.wall -= 2 * 365 * 86'400 * kNsPerSec;
  pass_ms(1);
  CHECK(news() == Strings{"terminate j"});
}

TEST_CASE_METHOD(QueueRig,
                 "the time of a suspended machine counts for due times, not for timeouts") {
  set([](QueueSettings& queue) {
    queue.workers = 2;
    queue.timeout_ms = 10'000;
  });
  submit("j", "x");
  begin("j");
  submit(".soon", "x");
  touch(kPending, ".soon", clock.wall + 3600 * kNsPerSec);
  mv(kPending, ".soon", kPending, "soon");
  news();
  clock.wall += 8 * 3600 * kNsPerSec;  // CLOCK_MONOTONIC stands still meanwhile
  queue->wall_clock_due();             // the timer of the wall clock has run out
  turn();
  CHECK(news() == Strings{"start soon"});
  pass_ms(9999);
  CHECK(news().empty());
  pass_ms(1);
  CHECK(news() == Strings{"terminate j"});
}

TEST_CASE_METHOD(QueueRig, "due times follow the wall clock, forward and back") {
  set([](QueueSettings& queue) { queue.workers = 9; });
  submit("base", "x");
  touch(kActive, "base", 0);
  submit(".soon", "x");
  touch(kPending, ".soon", clock.wall + 3600 * kNsPerSec);
  mv(kPending, ".soon", kPending, "soon");
  news();
  clock.wall += 3600 * kNsPerSec;
  queue->wall_clock_due();
  turn();
  CHECK(news() == Strings{"start soon"});
  clock.wall -= 7200 * kNsPerSec;
  queue->wall_clock_due();
  turn();
  submit("now", "x");  // is due at the time that it is now
  CHECK(news() == Strings{"start now"});
  exit("now", 0);
  CHECK(job(kComplete, "now").mtime_ns == clock.wall);
}

// --- starts that fail

TEST_CASE_METHOD(
    QueueRig, "a start that fails for the machine's reasons is no attempt, and all starts pause") {
  submit("j", "x");
  submit("k", "x");
  Strings order = {"j", "k"};
  for (int i = 0; i < 10; ++i) {
    news();
    const std::string& id = order[static_cast<size_t>(i % 2)];
    const std::string& other = order[static_cast<size_t>((i + 1) % 2)];
    queue->launcher_events().start_failed(run(id), {"fork", EAGAIN, Fault::kMachine});
    turn();
    CHECK(news().empty());
    Job back = job(kPending, id);
    CHECK(back.attempts == 0);
    CHECK(back.mtime_ns == clock.wall + kNsPerSec);
    CHECK(queue->next_deadline_ns() > clock.mono);
    pass_ms(999);
    CHECK(news().empty());
    pass_ms(1);
    CHECK(news() == Strings{"start " + other});
    CHECK(launcher.attempts.back().number == 1);
  }
  exit("j", 0);
  CHECK(news() == Strings{"start k"});
  CHECK(queue->totals().retried == 0);
}

TEST_CASE_METHOD(QueueRig, "an owner whose limits allow no start does not hold up the others") {
  set([](QueueSettings& queue) { queue.workers = 2; });
  for (const char* id : {"a1", "a2", "a3"}) submit(id, "x", kAlice);
  submit("b1", "x", kBob);
  for (const char* id : {"a1", "a2", "a3"}) {
    queue->launcher_events().start_failed(run(id), {"exec /bin/sh", EAGAIN, Fault::kOwner});
    turn();
    CHECK(job(kPending, id).attempts == 0);
  }
  CHECK(ls(kActive) == Strings{"b1"});
  CHECK(queue->next_wall_ns() == job(kPending, "a1").mtime_ns);
  CHECK(job(kPending, "a1").mtime_ns == clock.wall + kNsPerSec);
  news();
  pass_ms(1000);
  CHECK(news() == Strings{"start a1"});
  CHECK(launcher.attempts.back().number == 1);
}

TEST_CASE_METHOD(QueueRig, "what an owner's limits put back is not tried all at once") {
  constexpr int kJobs = 300;
  for (int i = 0; i < kJobs; ++i) submit(std::to_string(i), "x");
  for (int i = 0; i < kJobs; ++i) {
    queue->launcher_events().start_failed(run(std::to_string(i)),
                                          {"exec /bin/sh", EAGAIN, Fault::kOwner});
    turn();
  }
  CHECK(ls(kActive).empty());
  CHECK(job(kPending, "0").mtime_ns == clock.wall + kNsPerSec);
  CHECK(job(kPending, "299").mtime_ns == clock.wall + kNsPerSec + 299 * 10 * kNsPerMs);
}

TEST_CASE_METHOD(QueueRig, "a start that fails for the job's reasons is a failed attempt") {
  set([](QueueSettings& queue) { queue.retries = 1; });
  submit("j", "x");
  queue->launcher_events().start_failed(run("j"), {"setuid", EPERM});
  turn();
  CHECK(job(kPending, "j").attempts == 1);
  pass_ms(1000);
  queue->launcher_events().start_failed(run("j"), {"exec /bin/sh", ENOENT});
  turn();
  CHECK(cat(kFailed, "j") ==
        ">>> x\n\n\n[System Error]: could not start: exec /bin/sh: No such file or directory\n");
  CHECK_FALSE(job(kFailed, "j").outcome.wait_status);
}

TEST_CASE_METHOD(QueueRig, "news of an attempt that nobody knows is of no effect") {
  queue->launcher_events().started(99, 1);
  queue->launcher_events().output(99, "x");
  queue->launcher_events().exited(99, {});
  queue->launcher_events().start_failed(99, {"fork", EAGAIN, Fault::kMachine});
  CHECK_FALSE(queue->turn().changed());
  CHECK(turn() == 0);
}

// --- output

TEST_CASE_METHOD(QueueRig, "output is stored within a second, and survives a crash") {
  submit("j", "x");
  begin("j");
  print("j", "one ");
  CHECK(queue->next_deadline_ns() == clock.mono + kNsPerSec);
  pass_ms(500);
  print("j", "two ");
  CHECK(queue->next_deadline_ns() == clock.mono + kNsPerSec / 2);
  pass_ms(500);
  CHECK(!queue->next_deadline_ns());
  print("j", "lost ");
  crash_and_start();
  CHECK(ls(kPending) == Strings{"j"});
  CHECK(job(kPending, "j").log_size > 0);
  CHECK(mv(kPending, "j", kPending, ".j") == 0);
}

TEST_CASE_METHOD(QueueRig,
                 "an attempt is held while its output is not stored fast enough, then released") {
  submit("j", "x");
  begin("j");
  news();
  std::string output(300'000, 'o');
  disk.fail(1, SQLITE_FULL, 1'000'000);
  for (int i = 0; i < 6; ++i) {
    queue->launcher_events().output(run("j"), output);
    queue->end_turn();
  }
  CHECK(news() == Strings{"hold j"});
  disk.fail(0);
  pass_ms(1000);
  CHECK(news() == Strings{"unhold j"});
  exit("j", 0);
  CHECK((cat(kComplete, "j") == ">>> x\n" + std::string(1'800'000, 'o')));
}

TEST_CASE_METHOD(QueueRig, "a held attempt is released when it is moved away, so that it can die") {
  submit("j", "x");
  begin("j");
  disk.fail(1, SQLITE_FULL, 1'000'000);
  for (int i = 0; i < 6; ++i) {
    queue->launcher_events().output(run("j"), std::string(300'000, 'o'));
    queue->end_turn();
  }
  disk.fail(0);
  news();
  CHECK(queue->remove(kActive, "j") == 0);
  turn();
  CHECK(news() == Strings{"unhold j", "kill j"});
}

TEST_CASE_METHOD(QueueRig, "output beyond output_limit is cut in the middle") {
  set([](QueueSettings& queue) { queue.output_limit = 4000; });
  submit("j", "x");
  begin("j");
  std::string output;
  for (int i = 0; output.size() < 5000; ++i) output += std::to_string(i) + "\n";
  output.resize(5000);
  for (size_t at = 0; at < output.size(); at += 100) {
    queue->launcher_events().output(run("j"), output.substr(at, 100));
    if (at % 300 == 0) pass_ms(1000);
  }
  exit("j", 0);
  CHECK(cat(kComplete, "j") ==
        ">>> x\n" + output.substr(0, 3000) + log_gap(1000, 4000) + output.substr(4000));
}

// --- expiry

TEST_CASE_METHOD(QueueRig, "what has ended is removed when it was kept long enough") {
  set([](QueueSettings& queue) {
    queue.retries = 0;
    queue.keep_complete_ms = 10'000;
    queue.keep_failed_ms = 20'000;
  });
  submit("c1", "x");
  exit("c1", 0);
  submit("f", "x");
  exit("f", 1);
  pass_ms(5000);
  submit("c2", "x");
  exit("c2", 0);
  watched.clear();
  CHECK(queue->next_wall_ns() == clock.wall + 5 * kNsPerSec);
  pass_ms(4999);
  CHECK(queue->jobs().counts().total() == 3);
  pass_ms(1);
  CHECK(ls(kComplete) == Strings{"c2"});
  CHECK(watched == Strings{"removed c1"});
  pass_ms(5000);
  CHECK(ls(kComplete).empty());
  CHECK(ls(kFailed) == Strings{"f"});
  pass_ms(5000);
  CHECK(queue->jobs().counts().total() == 0);
  CHECK(!queue->next_wall_ns());
}

TEST_CASE_METHOD(QueueRig, "a thousand jobs that expire at once go in bounded pieces") {
  set([](QueueSettings& queue) { queue.workers = 0; });
  for (int i = 0; i < 300; ++i) {
    submit("j" + std::to_string(i), "x");
    mv(kPending, "j" + std::to_string(i), kFailed);
  }
  settings.queue.keep_failed_ms = 1000;
  queue->set_base_settings(settings);
  clock.advance_ms(1000);
  int turns = 0;
  for (; queue->jobs().counts().total() > 0 && turns < 100; ++turns) {
    CHECK(queue->next_deadline_ns() == 0);
    queue->end_turn();
  }
  CHECK(turns >= 3);
  CHECK(turns < 10);
}

TEST_CASE_METHOD(QueueRig,
                 "expired jobs go while all workers are busy and when the queue is paused") {
  submit("c", "x");
  exit("c", 0);
  submit("busy", "x");
  set([](QueueSettings& queue) { queue.keep_complete_ms = 1000; });
  pass_ms(1000);
  CHECK(ls(kComplete).empty());
}

TEST_CASE_METHOD(QueueRig, "an end in the far future or past does not overflow") {
  set([](QueueSettings& queue) {
    queue.keep_complete_ms = kMaxDurationMs;
    queue.keep_failed_ms = 1;
  });
  submit("c", "x");
  exit("c", 0);
  CHECK(touch(kComplete, "c", INT64_MAX) == 0);
  pass_ms(1000);
  CHECK(ls(kComplete) == Strings{"c"});
  CHECK(touch(kComplete, "c", INT64_MIN) == 0);
  pass_ms(1000);
  CHECK(ls(kComplete).empty());
}
