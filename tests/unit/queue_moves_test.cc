// The table of moves, turn by turn: what mv and rm do to jobs in each directory.
#include "catch.h"
#include "queue_rig.h"

using namespace filed;

// --- the table of moves

TEST_CASE_METHOD(QueueRig, "mv from failed to pending runs a job again, from attempt 1") {
  set([](QueueSettings& queue) { queue.retries = 0; });
  submit("j", "x");
  exit("j", 1);
  int64_t ino = job(kFailed, "j").ino;
  clock.advance_ms(10);
  CHECK(mv(kFailed, "j", kPending) == 0);
  CHECK(ls(kActive) == Strings{"j"});
  CHECK(job(kActive, "j").ino == ino);
  CHECK(launcher.attempts.back().number == 1);
  exit("j", 0);
  CHECK(cat(kComplete, "j") == ">>> x\n");
}

TEST_CASE_METHOD(QueueRig, "mv from complete to pending runs a job again, under another name too") {
  submit("j", "x");
  exit("j", 0);
  CHECK(mv(kComplete, "j", kPending, "k") == 0);
  CHECK(ls(kActive) == Strings{"k"});
  CHECK(launcher.attempts.back().id == "k");
  CHECK_FALSE(is_in(kComplete, "j"));
}

TEST_CASE_METHOD(QueueRig,
                 "a job that is moved to pending with a time in the future waits for it") {
  submit("j", "x");
  exit("j", 0);
  touch(kComplete, "j", clock.wall + 60 * kNsPerSec);
  CHECK(mv(kComplete, "j", kPending) == 0);
  CHECK(ls(kActive).empty());
  CHECK(job(kPending, "j").mtime_ns == clock.wall + 60 * kNsPerSec);
  pass_ms(60'000);
  CHECK(ls(kActive) == Strings{"j"});
}

TEST_CASE_METHOD(QueueRig, "mv from pending to failed cancels, and the log says so") {
  set([](QueueSettings& queue) { queue.workers = 0; });
  submit("j", "sleep 1");
  clock.advance_ms(10);
  CHECK(mv(kPending, "j", kFailed) == 0);
  CHECK(cat(kFailed, "j") == ">>> sleep 1\n\n\n[System Error]: cancelled by mv to failed\n");
  CHECK(job(kFailed, "j").mtime_ns == clock.wall);
  set([](QueueSettings& queue) { queue.workers = 1; });
  CHECK(news().empty());
  CHECK(mv(kFailed, "j", kPending) == 0);
  CHECK(news() == Strings{"start j"});
}

TEST_CASE_METHOD(QueueRig, "a cancelled retry tells the cause of its last attempt too") {
  submit("j", "x");
  exit("j", 3);
  CHECK(mv(kPending, "j", kFailed) == 0);
  CHECK(cat(kFailed, "j") ==
        ">>> x\n\n\n[System Error]: exit status 3\n"
        "\n\n[System Error]: cancelled by mv to failed, last attempt: exit status 3\n");
}

TEST_CASE_METHOD(QueueRig, "mv from active to failed kills at once and does not retry") {
  submit("j", "x");
  begin("j");
  print("j", "some");
  news();
  CHECK(mv(kActive, "j", kFailed) == 0);
  CHECK(news() == Strings{"kill j"});
  std::string log = ">>> x\nsome\n\n[System Error]: stopped by mv to failed\n";
  CHECK(cat(kFailed, "j") == log);
  queue->launcher_events().output(run("j"), "the last words of a dying process");
  turn();
  CHECK(cat(kFailed, "j") == log);
  die("j", SIGKILL);
  CHECK(cat(kFailed, "j") == log);
  CHECK(ls(kFailed) == Strings{"j"});
  CHECK(queue->totals().killed == 1);
  pass_ms(100'000'000);
  CHECK(launcher.attempts.size() == 1);
}

TEST_CASE_METHOD(QueueRig,
                 "mv from active to pending kills, and the job waits for its old processes") {
  set([](QueueSettings& queue) { queue.workers = 4; });
  submit("j", "x");
  begin("j");
  news();
  clock.advance_ms(10);
  CHECK(mv(kActive, "j", kPending) == 0);
  CHECK(news() == Strings{"kill j"});
  Job back = job(kPending, "j");
  CHECK(back.attempts == 0);
  CHECK(back.mtime_ns == clock.wall);
  pass_ms(1000);
  CHECK(news().empty());
  die("j", SIGKILL);
  CHECK(news() == Strings{"start j"});
  CHECK(launcher.attempts.back().number == 1);
  exit("j", 0);
  CHECK(cat(kComplete, "j") == ">>> x\n");
}

TEST_CASE_METHOD(QueueRig, "an attempt that still dies keeps its worker, not its job") {
  submit("j", "x");
  submit("k", "x");
  CHECK(mv(kActive, "j", kFailed) == 0);
  clock.advance_ms(1);
  CHECK(mv(kFailed, "j", kPending) == 0);
  CHECK(ls(kActive).empty());
  news();
  die("j", SIGKILL);
  CHECK(news() == Strings{"start k"});
  exit("k", 0);
  CHECK(news() == Strings{"start j"});
}

TEST_CASE_METHOD(QueueRig, "an attempt can be moved and removed while its start is under way") {
  set([](QueueSettings& queue) { queue.workers = 4; });
  submit("j", "x");
  submit("k", "x");
  news();
  CHECK(mv(kActive, "j", kFailed) == 0);
  CHECK(rm(kActive, "k") == 0);
  CHECK(news() == Strings{"kill j", "kill k"});
  begin("j");
  queue->launcher_events().start_failed(run("k"), {"fork", EAGAIN, Fault::kMachine});
  turn();
  die("j", SIGKILL);
  CHECK(news().empty());
  CHECK(ls(kFailed) == Strings{"j"});
  CHECK(queue->jobs().counts().total() == 1);
  queue->stop();
  CHECK(queue->stopped());
}

TEST_CASE_METHOD(QueueRig, "moves that the table does not have are not permitted") {
  set([](QueueSettings& queue) {
    queue.workers = 1;
    queue.retries = 0;
  });
  submit("f", "x");
  exit("f", 1);
  submit("c", "x");
  exit("c", 0);
  submit("a", "x");
  submit("p", "x");
  CHECK(mv(kPending, "p", kActive) == EPERM);
  CHECK(mv(kPending, "p", kComplete) == EPERM);
  CHECK(mv(kActive, "a", kComplete) == EPERM);
  CHECK(mv(kActive, "a", kActive, "b") == EBUSY);
  CHECK(mv(kActive, "a", kActive) == EBUSY);
  CHECK(mv(kFailed, "f", kActive) == EPERM);
  CHECK(mv(kFailed, "f", kComplete) == EPERM);
  CHECK(mv(kComplete, "c", kActive) == EPERM);
  CHECK(mv(kComplete, "c", kFailed) == EPERM);
  CHECK(mv(kPending, "nobody", kFailed) == ENOENT);
  CHECK(mv(kFailed, "p", kPending) == ENOENT);
  CHECK(ls(kPending) == Strings{"p"});
  CHECK(ls(kActive) == Strings{"a"});
  CHECK(ls(kFailed) == Strings{"f"});
  CHECK(ls(kComplete) == Strings{"c"});
}

TEST_CASE_METHOD(QueueRig, "a job gets another name within pending, failed and complete") {
  set([](QueueSettings& queue) { queue.retries = 0; });
  submit("c", "x");
  exit("c", 0);
  submit("f", "x");
  exit("f", 1);
  set([](QueueSettings& queue) { queue.workers = 0; });
  submit("p", "x");
  CHECK(mv(kComplete, "c", kComplete, "c2") == 0);
  CHECK(mv(kFailed, "f", kFailed, "f2") == 0);
  CHECK(mv(kPending, "p", kPending, "p2") == 0);
  CHECK(mv(kPending, "p2", kPending, "p2") == 0);
  CHECK(ls(kComplete) == Strings{"c2"});
  CHECK(ls(kFailed) == Strings{"f2"});
  CHECK(ls(kPending) == Strings{"p2"});
  CHECK(cat(kComplete, "c2") == ">>> x\n");
}

TEST_CASE_METHOD(QueueRig,
                 "a name may be taken only within pending, by replacing the job that has it") {
  set([](QueueSettings& queue) { queue.retries = 0; });
  submit("c", "x");
  exit("c", 0);
  submit("c2", "x");
  exit("c2", 0);
  submit("f", "x");
  exit("f", 1);
  set([](QueueSettings& queue) { queue.workers = 0; });
  submit("p", "old");
  submit("q", "new");
  CHECK(mv(kComplete, "c", kComplete, "c2") == EEXIST);
  CHECK(mv(kComplete, "c", kPending, "p") == EEXIST);
  CHECK(mv(kComplete, "c", kPending, "f") == EEXIST);
  CHECK(mv(kPending, "p", kPending, "f") == EEXIST);
  CHECK(mv(kPending, "p", kFailed, "f") == EEXIST);
  CHECK(mv(kPending, "p", kFailed, "q") == EEXIST);
  CHECK(queue->rename(kPending, "q", kPending, "p", true) == EEXIST);
  CHECK(mv(kPending, "q", kPending, "p") == 0);
  CHECK(ls(kPending) == Strings{"p"});
  CHECK(cat(kPending, "p") == "new");
  CHECK(mv(kPending, "p", kPending, std::string(256, 'n')) == ENAMETOOLONG);
  CHECK(mv(kPending, "p", kPending, std::string(255, 'n')) == 0);
  CHECK(submit("c", "x") == EEXIST);
  CHECK(submit("f", "x") == EEXIST);
  CHECK(submit(std::string(255, 'n'), "x") == EEXIST);
  CHECK(submit(std::string(256, 'n'), "x") == ENAMETOOLONG);
}

TEST_CASE_METHOD(QueueRig, "rm works in all four directories") {
  set([](QueueSettings& queue) { queue.retries = 0; });
  submit("c", "x");
  exit("c", 0);
  submit("f", "x");
  exit("f", 1);
  submit("a", "x");
  submit("p", "x");
  news();
  CHECK(rm(kPending, "p") == 0);
  CHECK(rm(kFailed, "f") == 0);
  CHECK(rm(kComplete, "c") == 0);
  CHECK(news().empty());
  CHECK(rm(kActive, "a") == 0);
  CHECK(news() == Strings{"kill a"});
  CHECK(queue->jobs().counts().total() == 0);
  CHECK(rm(kActive, "a") == ENOENT);
  CHECK(rm(kPending, "nobody") == ENOENT);
  print("a", "too late");
  die("a", SIGKILL);
  CHECK(queue->jobs().counts().total() == 0);
  // The ids are free again, and nothing of the old jobs shows.
  for (const char* id : {"c", "f", "a", "p"}) {
    CHECK(submit(id, "y") == 0);
    exit(id, 0);
    CHECK(cat(kComplete, id) == ">>> y\n");
  }
}
