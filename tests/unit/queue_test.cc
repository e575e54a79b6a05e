// What users do to jobs, turn by turn: submission, touch, new-id, config.ini, and what an open
// descriptor shows.
#include "queue/queue.h"

#include <set>

#include "catch.h"
#include "queue_rig.h"

using namespace filed;

// --- the order of claims

TEST_CASE_METHOD(QueueRig, "a submitted job runs, and its log is what it printed") {
  CHECK(submit("1", "echo 'hello world'") == 0);
  CHECK(news() == Strings{"start 1"});
  CHECK(ls(kActive) == Strings{"1"});
  CHECK(launcher.attempts[0].text == "echo 'hello world'");
  CHECK(launcher.attempts[0].shell == "/bin/sh");
  CHECK(launcher.attempts[0].uid == kAlice.uid);
  CHECK(launcher.attempts[0].gid == kAlice.gid);
  CHECK(launcher.attempts[0].number == 1);
  CHECK(launcher.attempts[0].retries == 3);
  begin("1", 77);
  CHECK(queue->pid_of(job(kActive, "1").ino) == 77);
  print("1", "hello world\n");
  CHECK(cat(kActive, "1") == ">>> echo 'hello world'\nhello world\n");
  clock.advance_ms(5);
  CHECK(exit("1", 0) == 0);
  CHECK(cat(kComplete, "1") == ">>> echo 'hello world'\nhello world\n");
  Job done = job(kComplete, "1");
  CHECK(done.mtime_ns == clock.wall);
  CHECK(done.ctime_ns == clock.wall);
  CHECK(done.atime_ns == clock.wall - 5 * kNsPerMs);
  CHECK(done.attempts == 1);
  CHECK(done.mode == 0644);
  CHECK(queue->pid_of(done.ino) == 0);
  CHECK(watched == Strings{"pending > active 1", "active > complete 1"});
  CHECK(queue->totals().started == 1);
  CHECK(queue->totals().succeeded == 1);
}

TEST_CASE_METHOD(QueueRig, "a failed job's log is the manual's, to the byte") {
  set([](QueueSettings& queue) { queue.retries = 0; });
  submit("2", "ech this-will-fail");
  begin("2");
  print("2", "sh: 1: ech: not found\n");
  exit("2", 127);
  CHECK(cat(kFailed, "2") ==
        ">>> ech this-will-fail\n"
        "sh: 1: ech: not found\n"
        "\n"
        "\n"
        "[System Error]: exit status 127\n");
}

TEST_CASE_METHOD(QueueRig, "jobs run in the order of their due times, then of submission") {
  set([](QueueSettings& queue) { queue.workers = 0; });
  submit("b", "x");
  submit("a", "x");
  submit("first", "x");
  touch(kPending, "first", 0);
  submit("last", "x");
  touch(kPending, "last", clock.wall + kNsPerSec);
  submit("second", "x");
  touch(kPending, "second", 1);
  CHECK(news().empty());
  set([](QueueSettings& queue) { queue.workers = 3; });
  CHECK(news() == Strings{"start first", "start second", "start b"});
  exit("second", 0);
  CHECK(news() == Strings{"start a"});
  exit("first", 0);
  CHECK(news().empty());
  CHECK(queue->next_wall_ns() == clock.wall + kNsPerSec);
  CHECK(!queue->next_deadline_ns());
  pass_ms(999);
  CHECK(news().empty());
  pass_ms(1);
  CHECK(news() == Strings{"start last"});
}

TEST_CASE_METHOD(QueueRig, "no more attempts run than there are workers, and none with 0") {
  set([](QueueSettings& queue) { queue.workers = 2; });
  for (int i = 0; i < 5; ++i) submit("j" + std::to_string(i), "x");
  CHECK(ls(kActive).size() == 2);
  set([](QueueSettings& queue) { queue.workers = 0; });
  exit("j0", 0);
  exit("j1", 0);
  CHECK(ls(kActive).empty());
  CHECK(ls(kPending).size() == 3);
  CHECK(!queue->next_deadline_ns());
  set([](QueueSettings& queue) { queue.workers = 100; });
  CHECK(ls(kActive).size() == 3);
}

TEST_CASE_METHOD(QueueRig, "drafts and empty jobs do not run until they are named and filled") {
  submit(".1", "x");
  submit("empty", "");
  CHECK(ls(kPending) == Strings{".1", "empty"});
  CHECK(ls(kActive).empty());
  CHECK(queue->jobs().counts().ready == 0);
  CHECK(mv(kPending, ".1", kPending, "1") == 0);
  CHECK(ls(kActive) == Strings{"1"});
  exit("1", 0);
  OpenJob file = open(kPending, "empty", true);
  CHECK(queue->write(file, 0, "y") == 0);
  CHECK(flush(file) == 0);
  CHECK(ls(kActive).empty());
  queue->close(file);
  turn();
  CHECK(ls(kActive) == Strings{"empty"});
}

TEST_CASE_METHOD(QueueRig,
                 "a job that is held back as a draft runs in its turn once it is released") {
  set([](QueueSettings& queue) { queue.workers = 0; });
  submit("a", "x");
  clock.advance_ms(1);
  submit("b", "x");
  CHECK(mv(kPending, "a", kPending, ".a") == 0);
  CHECK(mv(kPending, ".a", kPending, "z") == 0);
  set([](QueueSettings& queue) { queue.workers = 2; });
  CHECK(news() == Strings{"start z", "start b"});
}

// --- descriptors that stay open

TEST_CASE_METHOD(QueueRig,
                 "a log that is open goes on showing the same after rm and after a new run") {
  submit("j", "x");
  begin("j");
  print("j", std::string(100'000, 'a'));
  exit("j", 0);
  std::string log = ">>> x\n" + std::string(100'000, 'a');
  OpenJob before = open(kComplete, "j");
  CHECK(mv(kComplete, "j", kPending) == 0);
  begin("j");
  print("j", "other");
  CHECK((read(before) == log));
  exit("j", 0);
  CHECK((read(before) == log));
  OpenJob second = open(kComplete, "j");
  CHECK(rm(kComplete, "j") == 0);
  CHECK((read(before) == log));
  CHECK(read(second) == ">>> x\nother");
  Job ghost;
  CHECK(queue->jobs().get(before.ino, ghost) == 0);
  CHECK(ghost.size() == 11);
  queue->close(before);
  turn();
  CHECK(read(second) == ">>> x\nother");
  queue->close(second);
  turn();
  CHECK(queue->jobs().get(before.ino, ghost) == ENOENT);
}

TEST_CASE_METHOD(QueueRig,
                 "a reader of a running attempt's log reads on to its end, whatever ends it") {
  submit("j", "x");
  begin("j");
  print("j", "one ");
  OpenJob file = open(kActive, "j");
  std::string seen = read(file);
  print("j", "two ");
  seen += read(file, static_cast<int64_t>(seen.size()));
  CHECK(seen == ">>> x\none two ");
  std::string end;
  SECTION("success") { exit("j", 0); }
  SECTION("a retry") {
    exit("j", 9);
    end = "\n\n[System Error]: exit status 9\n";
    pass_ms(1000);
    CHECK(ls(kActive) == Strings{"j"});  // another attempt, another log
    print("j", "of the second attempt");
  }
  SECTION("mv") {
    mv(kActive, "j", kFailed);
    end = "\n\n[System Error]: stopped by mv to failed\n";
  }
  SECTION("rm") { rm(kActive, "j"); }
  CHECK(read(file, static_cast<int64_t>(seen.size())) == end);
  CHECK(read(file) == seen + end);
  queue->close(file);
  turn();
}

TEST_CASE_METHOD(QueueRig,
                 "a text that is open goes on showing after the job has run and is gone") {
  submit("other", "x");  // has the worker
  submit("j", "the text");
  OpenJob file = open(kPending, "j");
  CHECK(read(file) == "the text");
  exit("other", 0);
  CHECK(ls(kActive) == Strings{"j"});
  CHECK(read(file) == "the text");
  begin("j");
  if (GENERATE(true, false)) exit("j", 0);
  CHECK(read(file) == "the text");
  CHECK(rm(is_in(kActive, "j") ? kActive : kComplete, "j") == 0);
  CHECK(read(file) == "the text");
  queue->close(file);
  turn();
}

TEST_CASE_METHOD(QueueRig,
                 "a log that was open at its removal leaves the store when it is closed") {
  submit("j", "x");
  begin("j");
  print("j", "output");
  exit("j", 0);
  int64_t log = job(kComplete, "j").log;
  OpenJob one = open(kComplete, "j");
  OpenJob two = open(kComplete, "j");
  rm(kComplete, "j");
  int64_t size = 0;
  queue->close(one);
  turn();
  CHECK(store->log_size(log, size) == 0);
  CHECK(size == 12);
  if (GENERATE(true, false)) {
    queue->close(two);
    turn();
  } else {
    crash_and_start();
  }
  CHECK(store->log_size(log, size) == 0);
  CHECK(size == 0);
}

// --- attributes

TEST_CASE_METHOD(QueueRig, "mode, owner and times are kept, and survive a restart") {
  submit("j", "x");
  exit("j", 0);
  clock.advance_ms(10);
  AttributeChange change;
  change.mode = 0600;
  change.uid = 7;
  change.gid = 8;
  change.atime_ns = 123;
  change.mtime_ns = 456;
  Job changed;
  CHECK(queue->set_attributes(job(kComplete, "j").ino, change, changed) == 0);
  turn();
  auto check = [&](const Job& j) {
    CHECK(j.mode == 0600);
    CHECK(j.uid == 7);
    CHECK(j.gid == 8);
    CHECK(j.atime_ns == 123);
    CHECK(j.mtime_ns == 456);
    CHECK(j.ctime_ns == clock.wall);
  };
  check(changed);
  if (GENERATE(true, false)) {
    stop_and_start();
  } else {
    crash_and_start();
  }
  check(job(kComplete, "j"));
  CHECK(queue->set_attributes(999'999, change, changed) == ENOENT);
}

TEST_CASE_METHOD(QueueRig, "an active job's mtime is its last output, and its due time is kept") {
  touch(kPending, (submit("other", "x"), submit("j", "x"), "j"), 42);
  exit("other", 0);
  CHECK(job(kActive, "j").mtime_ns == clock.wall);
  clock.advance_ms(5);
  print("j", "out");
  CHECK(job(kActive, "j").mtime_ns == clock.wall);
  CHECK(touch(kActive, "j", 7) == 0);
  CHECK(job(kActive, "j").mtime_ns == 7);
  queue->stop();
  queue->stop();
  turn();
  die("j", SIGKILL);
  CHECK(job(kPending, "j").mtime_ns == 42);
}

TEST_CASE_METHOD(QueueRig, "a size can be set only in pending") {
  submit("c", "x");
  exit("c", 0);
  submit("a", "x");
  AttributeChange change;
  change.size = 0;
  Job changed;
  CHECK(queue->set_attributes(job(kComplete, "c").ino, change, changed) == EACCES);
  CHECK(queue->set_attributes(job(kActive, "a").ino, change, changed) == EACCES);
}

// --- new-id and settings

TEST_CASE_METHOD(QueueRig, "new-id gives ids that nobody has or ever had") {
  std::set<std::string> ids;
  auto next = [&] {
    std::string id;
    REQUIRE(queue->new_id(id) == 0);
    turn();
    CHECK(id.size() == Queue::kNewIdLength);
    CHECK(id.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz") == id.npos);
    INFO(id);
    CHECK(ids.insert(id).second);
    return id;
  };
  std::string id = next();
  for (int i = 0; i < 1500; ++i) next();
  crash_and_start();
  for (int i = 0; i < 1500; ++i) next();
  stop_and_start();
  id = next();
  // What is in use is left out.
  set([](QueueSettings& queue) { queue.workers = 0; });
  auto bump = [](std::string s) {
    if (s.back() == '9') return s.substr(0, s.size() - 1) + 'a';
    if (s.back() == 'z') return std::string();
    ++s.back();
    return s;
  };
  for (int i = 0; i < 40; ++i) {
    std::string after = bump(next());
    if (after.empty()) continue;
    after = bump(after);  // a job's own number is the next one
    if (after.empty()) continue;
    submit(after, "x");
    ids.insert(after);
  }
}

TEST_CASE_METHOD(QueueRig, "a write of config.ini applies at once and survives a restart") {
  CHECK(queue->write_settings("[queue]\nworkers = 0\nretries = 7\n") == 0);
  CHECK(queue->settings().workers == 0);
  turn();
  submit("j", "x");
  CHECK(news().empty());
  if (GENERATE(true, false)) {
    stop_and_start();
  } else {
    crash_and_start();
  }
  CHECK(queue->settings().workers == 0);
  CHECK(queue->settings().retries == 7);
  CHECK(queue->settings_text().find("retries        = 7        ; set here") != std::string::npos);
  CHECK(queue->write_settings("") == 0);
  turn();
  CHECK(queue->settings().retries == 3);
  CHECK(news() == Strings{"start j"});
}

TEST_CASE_METHOD(QueueRig, "a paused queue starts nothing") {
  CHECK(queue->write_settings("pause = yes\n", true) == 0);
  submit("j", "x");
  CHECK(news().empty());
  pass_ms(1000);
  CHECK(news().empty());
  CHECK(queue->write_settings("pause = no\n", true) == 0);
  turn();
  CHECK(news() == Strings{"start j"});
}

TEST_CASE_METHOD(QueueRig,
                 "a write of config.ini that does not parse changes nothing but its comment") {
  CHECK(queue->write_settings("[queue]\nretries = 7\n") == 0);
  turn();
  CHECK(queue->write_settings("[queue]\nworkers = 5\nretries = many\n") == EINVAL);
  CHECK_FALSE(queue->turn().changed());
  CHECK(queue->settings().workers == 1);
  CHECK(queue->settings().retries == 7);
  CHECK(queue->settings_text().starts_with("; refused: line 3: retries: `many`"));
}

TEST_CASE_METHOD(QueueRig, "a write of config.ini that cannot be committed is taken back") {
  CHECK(queue->write_settings("[queue]\nretries = 7\n") == 0);
  turn();
  CHECK(queue->write_settings("[queue]\nworkers = 0\n") == 0);
  disk.fail(1);
  CHECK(queue->end_turn() == EIO);
  CHECK(queue->settings().retries == 7);
  CHECK(queue->settings().workers == 1);
  stop_and_start();
  CHECK(queue->settings().retries == 7);
}

TEST_CASE_METHOD(QueueRig, "a directory is listed with what is still being written, in order") {
  set([](QueueSettings& queue) { queue.workers = 0; });
  submit("a", "x");
  Job made;
  OpenJob b, d;
  REQUIRE(queue->create(kPending, "b", 0600, kAlice, made, b) == 0);
  submit("c", "x");
  REQUIRE(queue->create(kPending, "d", 0600, kAlice, made, d) == 0);
  queue->write(d, 0, "12345");
  CHECK(ls(kPending) == Strings{"a", "b", "c", "d"});
  CHECK(queue->jobs().counts().of(kPending) == 4);
  CHECK(job(kPending, "d").size() == 5);
  std::string seen;
  queue->jobs().list(kPending, job(kPending, "b").ino, [&](const Job& j) {
    seen += j.id;
    return seen.size() < 2;
  });
  CHECK(seen == "cd");
  CHECK(rm(kPending, "b") == 0);
  CHECK(ls(kPending) == Strings{"a", "c", "d"});
  CHECK(ls(kFailed).empty());
  queue->close(b);
  queue->close(d);
  turn();
  CHECK(ls(kPending) == Strings{"a", "c"});
}

TEST_CASE_METHOD(QueueRig, "only root may give a job a time before 1970") {
  set([](QueueSettings& queue) { queue.workers = 0; });
  submit("a", "x");
  AttributeChange change;
  change.mtime_ns = -1;
  int64_t ino = job(kPending, "a").ino;
  CHECK(queue->check_change(ino, change, kAlice, false) == EPERM);
  CHECK(queue->check_change(ino, change, kRoot, false) == 0);
  change.mtime_ns = 0;
  CHECK(queue->check_change(ino, change, kAlice, false) == 0);
}
