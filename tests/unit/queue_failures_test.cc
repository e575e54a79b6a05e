// Commits that fail, turn by turn: nothing is lost, nothing is half done, and it goes on.
#include "catch.h"
#include "queue_rig.h"

using namespace filed;

// --- commits that fail

TEST_CASE_METHOD(QueueRig,
                 "a commit that fails gives its errno to what it held, once, and to nothing else") {
  Job made;
  OpenJob file;
  REQUIRE(queue->create(kPending, "j", 0644, kAlice, made, file) == 0);
  queue->write(file, 0, "x");
  int told = -1;
  CHECK(queue->flush(file) == 0);
  queue->turn().on_end([&](int error) { told = error; });
  disk.fail(1, SQLITE_FULL);
  CHECK(queue->end_turn() == ENOSPC);
  CHECK(told == ENOSPC);
  // Reads go on, and the next close succeeds.
  CHECK(ls(kPending) == Strings{"j"});
  CHECK(read(file) == "x");
  told = -1;
  CHECK(queue->flush(file) == 0);
  queue->turn().on_end([&](int error) { told = error; });
  CHECK(queue->end_turn() == 0);
  CHECK(told == 0);
  queue->close(file);
  pass_ms(2000);
  CHECK(ls(kActive) == Strings{"j"});
}

TEST_CASE_METHOD(QueueRig, "a claim that cannot be committed starts nothing, and is made later") {
  set([](QueueSettings& queue) { queue.workers = 0; });
  submit("j", "x");
  settings.queue.workers = 1;
  queue->set_base_settings(settings);
  disk.fail(1);
  CHECK(queue->end_turn() == EIO);
  CHECK(news().empty());
  CHECK(ls(kPending) == Strings{"j"});
  CHECK(queue->next_deadline_ns() == clock.mono + kNsPerSec);
  pass_ms(1000);
  CHECK(news() == Strings{"start j"});
}

TEST_CASE_METHOD(QueueRig, "an end that cannot be committed is kept and committed later") {
  set([](QueueSettings& queue) { queue.retries = 0; });
  submit("j", "x");
  begin("j");
  print("j", "out");
  disk.fail(1, SQLITE_FULL, 1'000'000);
  AttemptExit failed;
  failed.wait_status = exited_with(3);
  queue->launcher_events().exited(run("j"), failed);
  CHECK(queue->end_turn() == ENOSPC);
  CHECK(ls(kActive) == Strings{"j"});
  news();
  for (int i = 0; i < 3; ++i) {
    pass_ms(1000);
    CHECK(ls(kActive) == Strings{"j"});
  }
  std::string log = ">>> x\nout\n\n[System Error]: exit status 3\n";
  CHECK(cat(kActive, "j") == log);
  disk.fail(0);
  pass_ms(1000);
  CHECK(cat(kFailed, "j") == log);
  CHECK(news().empty());
  CHECK(queue->totals().failed == 1);
  CHECK(!queue->next_deadline_ns());
}

TEST_CASE_METHOD(QueueRig, "an end is not forgotten if the row of its job cannot be read") {
  submit("j", std::string(200'000, '#'));
  begin("j");
  // As when the disk gives EIO for a page that SQLite does not have in memory.
  crash_and_start();
  turn();
  begin("j");
  disk.fail_reads(true);
  AttemptExit exit;
  queue->launcher_events().exited(run("j"), exit);
  queue->end_turn();
  disk.fail_reads(false);
  for (int i = 0; i < 3; ++i) pass_ms(1000);
  CHECK(ls(kActive).empty());
  CHECK(ls(kComplete) == Strings{"j"});
}

TEST_CASE_METHOD(QueueRig,
                 "a dead attempt's worker is free again even if that turn's commit fails") {
  submit("j", "x");
  begin("j");
  CHECK(mv(kActive, "j", kFailed) == 0);
  // The exit comes in a turn that fails for the sake of something else.
  submit("k", "x");
  AttemptExit exit;
  queue->launcher_events().exited(run("j"), exit);
  CHECK(queue->rename(kPending, "k", kPending, "k2", false) == 0);
  disk.fail(1);
  CHECK(queue->end_turn() == EIO);
  for (int i = 0; i < 3; ++i) pass_ms(1000);
  CHECK(ls(kActive) == Strings{"k"});
}

TEST_CASE_METHOD(QueueRig,
                 "a move or rm of an active job that cannot be committed leaves it running") {
  submit("j", "x");
  begin("j");
  print("j", "one ");
  news();
  bool move = GENERATE(true, false);
  disk.fail(1);
  CHECK((move ? mv(kActive, "j", kFailed) : rm(kActive, "j")) == EIO);
  CHECK(news().empty());
  CHECK(ls(kActive) == Strings{"j"});
  print("j", "two");
  CHECK(cat(kActive, "j") == ">>> x\none two");
  pass_ms(1000);
  exit("j", 0);
  CHECK(cat(kComplete, "j") == ">>> x\none two");
}

TEST_CASE_METHOD(QueueRig,
                 "what an attempt prints in a turn that takes its move back is not lost") {
  submit("j", "x");
  begin("j");
  CHECK(queue->rename(kActive, "j", kFailed, "j", false) == 0);
  queue->launcher_events().output(run("j"), "between");
  disk.fail(1);
  CHECK(queue->end_turn() == EIO);
  pass_ms(1000);
  CHECK(cat(kActive, "j") == ">>> x\nbetween");
}

TEST_CASE_METHOD(QueueRig, "an attempt that ends in a turn that takes its removal back has ended") {
  submit("j", "x");
  begin("j");
  CHECK(queue->remove(kActive, "j") == 0);
  AttemptExit exit;
  queue->launcher_events().exited(run("j"), exit);
  disk.fail(1);
  CHECK(queue->end_turn() == EIO);
  CHECK(ls(kActive) == Strings{"j"});
  pass_ms(1000);
  CHECK(ls(kComplete) == Strings{"j"});
}

TEST_CASE_METHOD(QueueRig, "a touch of an active job that cannot be committed is taken back") {
  submit("j", "x");
  begin("j");
  int64_t before = job(kActive, "j").mtime_ns;
  AttributeChange change;
  change.mtime_ns = 7;
  Job changed;
  CHECK(queue->set_attributes(job(kActive, "j").ino, change, changed) == 0);
  disk.fail(1);
  CHECK(queue->end_turn() == EIO);
  CHECK(job(kActive, "j").mtime_ns == before);
}

TEST_CASE_METHOD(QueueRig,
                 "a full disk gives ENOSPC, reads go on, rm frees, and submission works again") {
  set([](QueueSettings& queue) { queue.workers = 0; });
  std::string text(50'000, '#');
  disk.set_capacity(disk.size() + (1 << 20));
  int fitted = 0;
  int error = 0;
  for (; error == 0 && fitted < 100; ++fitted) {
    error = submit("j" + std::to_string(fitted), text);
    store->tidy(true);
  }
  --fitted;
  CHECK(error == ENOSPC);
  CHECK(fitted >= 5);
  CHECK(ls(kPending).size() == static_cast<size_t>(fitted));
  CHECK((cat(kPending, "j0") == text));
  disk.set_capacity(disk.size() + (2 << 20));
  CHECK(rm(kPending, "j0") == 0);
  CHECK(submit("again", text) == 0);
  stop_and_start();
  CHECK(ls(kPending).size() == static_cast<size_t>(fitted));
}

// --- claims

TEST_CASE_METHOD(QueueRig, "one commit does for an attempt's end and for the next start") {
  submit("first", "x");
  submit("second", "x");
  REQUIRE(news() == Strings{"start first"});
  queue->launcher_events().exited(run("first"), {});
  SECTION("if it succeeds") {
    REQUIRE(queue->end_turn() == 0);
    CHECK(is_in(kComplete, "first"));
    CHECK(news() == Strings{"start second"});
  }
  SECTION("and neither is done if it fails") {
    disk.fail(1, SQLITE_FULL, 100);
    CHECK(queue->end_turn() == ENOSPC);
    CHECK(is_in(kActive, "first"));
    CHECK(is_in(kPending, "second"));
    CHECK(news().empty());
    disk.fail(0);
    pass_ms(1000);
    CHECK(is_in(kComplete, "first"));
    CHECK(news() == Strings{"start second"});
  }
}
