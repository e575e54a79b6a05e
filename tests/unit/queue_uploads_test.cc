// The texts of jobs while they are written.
#include "catch.h"
#include "upload_rig.h"

using namespace filed;

TEST_CASE_METHOD(UploadRig, "the early flush of a shell's redirection commits nothing") {
  OpenJob file = create("j");
  CHECK(queue->flush(file) == 0);
  CHECK_FALSE(queue->turn().changed());
  CHECK(store->counts().total() == 0);
  queue->write(file, 0, "x");
  CHECK(flush(file) == 0);
  CHECK(store->counts().total() == 1);
  close(file);
  CHECK(text_of("j") == "x");
}

TEST_CASE_METHOD(UploadRig,
                 "what was flushed survives a crash and runs, what was not does not exist") {
  OpenJob flushed = create("flushed");
  OpenJob written = create("written");
  queue->write(flushed, 0, "acknowledged");
  queue->write(written, 0, "not acknowledged");
  CHECK(flush(flushed) == 0);
  queue->write(flushed, 12, ", and more that is not");
  turn();
  crash_and_start();
  CHECK(ls(kPending) == Strings{"flushed"});
  CHECK(text_of("flushed") == "acknowledged");
  set([](QueueSettings& queue) { queue.workers = 5; });
  CHECK(ls(kActive) == Strings{"flushed"});
}

TEST_CASE_METHOD(UploadRig, "a temporary file that was renamed while it was open does not wait") {
  set([](QueueSettings& queue) { queue.workers = 5; });
  OpenJob file = create("sedAbCdEf");
  file.temporary = true;
  queue->write(file, 0, "true");
  REQUIRE(mv(kPending, "sedAbCdEf", kPending, "j") == 0);
  REQUIRE(flush(file) == 0);
  close(file);
  CHECK(ls(kActive) == Strings{"j"});
}

TEST_CASE_METHOD(UploadRig, "a temporary file is given a second to be renamed before it runs") {
  set([](QueueSettings& queue) { queue.workers = 5; });
  OpenJob file = create("sedAbCdEf");
  file.temporary = true;
  queue->write(file, 0, "true");
  REQUIRE(flush(file) == 0);
  close(file);
  CHECK(ls(kActive).empty());
  SECTION("and not before it is renamed to a draft, and that again") {
    REQUIRE(submit(".held", "false") == 0);
    REQUIRE(mv(kPending, "sedAbCdEf", kPending, ".held") == 0);
    pass_ms(5000);
    CHECK(ls(kActive).empty());
    REQUIRE(mv(kPending, ".held", kPending, "held") == 0);
    CHECK(ls(kActive) == Strings{"held"});
  }
  SECTION("then it runs at once") {
    REQUIRE(mv(kPending, "sedAbCdEf", kPending, "j") == 0);
    CHECK(ls(kActive) == Strings{"j"});
  }
  SECTION("but is run under its own name if that second passes") {
    std::optional<int64_t> deadline = queue->next_deadline_ns();
    CHECK(deadline == clock.mono_ns() + kNsPerSec);
    pass_ms(999);
    CHECK(ls(kActive).empty());
    pass_ms(1);
    CHECK(ls(kActive) == Strings{"sedAbCdEf"});
    CHECK(queue->next_deadline_ns() != deadline);
  }
  SECTION("or when somebody else has written it, as mktemp's users do") {
    OpenJob again = open(kPending, "sedAbCdEf", true, true);
    queue->write(again, 0, "echo");
    REQUIRE(flush(again) == 0);
    close(again);
    CHECK(ls(kActive) == Strings{"sedAbCdEf"});
  }
  SECTION("nor keeps anything of it that was removed") {
    REQUIRE(rm(kPending, "sedAbCdEf") == 0);
    pass_ms(1000);
    CHECK(!queue->next_deadline_ns());
  }
}

TEST_CASE_METHOD(UploadRig, "a text larger than job_size_limit poisons its upload") {
  set([](QueueSettings& queue) { queue.job_size_limit = 10; });
  OpenJob file = create("j");
  CHECK(queue->write(file, 0, "0123456789") == 0);
  CHECK(queue->write(file, 10, "a") == EFBIG);
  CHECK(queue->write(file, 0, "b") == 0);
  CHECK(flush(file) == EFBIG);
  CHECK(flush(file) == EFBIG);
  SECTION("and is dropped at the last close") {
    close(file);
    CHECK(ls(kPending).empty());
    CHECK(submit("j", "x") == 0);
  }
  SECTION("until it is begun anew") {
    CHECK(truncate(file.ino, 0) == 0);
    CHECK(queue->write(file, 0, "short") == 0);
    CHECK(flush(file) == 0);
    close(file);
    CHECK(text_of("j") == "short");
  }
}

TEST_CASE_METHOD(UploadRig, "a text of exactly job_size_limit is taken") {
  CHECK(submit("j", std::string(1 << 20, 'x')) == 0);
  CHECK(submit("k", std::string((1 << 20) + 1, 'x')) == EFBIG);
  CHECK(ls(kPending) == Strings{"j"});
}

TEST_CASE_METHOD(UploadRig, "a NUL byte is refused at once, a hole at close, and nothing is left") {
  CHECK(submit("j", std::string("a\0b", 3)) == EINVAL);
  CHECK(ls(kPending).empty());
  OpenJob file = create("j");
  CHECK(queue->write(file, 10, "x") == 0);  // a hole reads as NUL bytes
  CHECK(flush(file) == EINVAL);
  CHECK(queue->write(file, 0, "0123456789") == 0);
  CHECK(flush(file) == 0);
  close(file);
  CHECK(text_of("j") == "0123456789x");
}

TEST_CASE_METHOD(UploadRig, "a rewrite that cannot be flushed leaves the old text, which waits") {
  REQUIRE(submit("j", "the old text") == 0);
  OpenJob file = open(kPending, "j", true, true);
  int expected = 0;
  SECTION("for a NUL byte") {
    CHECK(queue->write(file, 0, std::string("n\0w", 3)) == EINVAL);
    CHECK(queue->write(file, 0, "n w") == 0);
    expected = EINVAL;
  }
  SECTION("for its size") {
    CHECK(queue->write(file, 0, std::string((1 << 20) + 1, 'x')) == EFBIG);
    expected = EFBIG;
  }
  SECTION("for the disk") {
    queue->write(file, 0, "new");
    disk.fail(1, SQLITE_FULL);
    expected = ENOSPC;
  }
  CHECK(flush(file) == expected);
  queue->close(file);
  turn();
  CHECK(text_of("j") == "the old text");
  pass_ms(2000);
  set([](QueueSettings& queue) { queue.workers = 1; });
  CHECK(launcher.attempts.empty());
  CHECK(mv(kPending, "j", kPending, "k") == 0);
  REQUIRE(launcher.attempts.size() == 1);
  CHECK(launcher.attempts.back().text == "the old text");
}

TEST_CASE_METHOD(UploadRig, "a job is edited in place, and then starts afresh") {
  set([](QueueSettings& queue) { queue.workers = 1; });
  REQUIRE(submit("j", "false; true") == 0);
  exit("j", 1);
  CHECK(job(kPending, "j").attempts == 1);
  clock.advance_ms(100);
  OpenJob file = open(kPending, "j", true);
  CHECK(queue->write(file, 0, "true ") == 0);
  pass_ms(10'000);
  CHECK(ls(kActive).empty());  // held while it is open
  CHECK(flush(file) == 0);
  close(file);
  CHECK(launcher.attempts.back().text == "true ; true");
  CHECK(launcher.attempts.back().number == 1);
}

TEST_CASE_METHOD(UploadRig, "a job that is opened for writing and left alone stays as it is") {
  REQUIRE(submit("j", "x") == 0);
  touch(kPending, "j", 42);
  OpenJob file = open(kPending, "j", true);
  CHECK(flush(file) == 0);
  close(file);
  CHECK(text_of("j") == "x");
  CHECK(job(kPending, "j").mtime_ns == 42);
}

TEST_CASE_METHOD(UploadRig, "a job that is truncated and left empty does not run") {
  REQUIRE(submit("j", "x") == 0);
  OpenJob file = open(kPending, "j", true, true);
  CHECK(flush(file) == 0);
  close(file);
  CHECK(job(kPending, "j").size() == 0);
  set([](QueueSettings& queue) { queue.workers = 1; });
  CHECK(ls(kPending) == Strings{"j"});
  crash_and_start();
  CHECK(job(kPending, "j").size() == 0);
}

TEST_CASE_METHOD(
    UploadRig,
    "truncate works with the file open or not, and changes the due time as a write does") {
  REQUIRE(submit("j", "0123456789") == 0);
  clock.advance_ms(10);
  int64_t ino = job(kPending, "j").ino;
  CHECK(truncate(ino, 20) == EINVAL);
  CHECK(truncate(ino, (1 << 20) + 1) == EFBIG);
  CHECK(truncate(ino, 5) == 0);
  CHECK(text_of("j") == "01234");
  CHECK(job(kPending, "j").mtime_ns == clock.wall);
  OpenJob file = open(kPending, "j", true);
  CHECK(truncate(ino, 3) == 0);
  CHECK(job(kPending, "j").size() == 3);
  CHECK(flush(file) == 0);
  close(file);
  CHECK(text_of("j") == "012");
  CHECK(truncate(ino, 0) == 0);
  CHECK(queue->jobs().counts().ready == 0);
}

TEST_CASE_METHOD(UploadRig, "a time set while a job is written is its due time") {
  OpenJob file = create("j");
  queue->write(file, 0, "x");
  bool flushed_before = GENERATE(true, false);
  if (flushed_before) CHECK(flush(file) == 0);
  CHECK(touch(kPending, "j", clock.wall + 60 * kNsPerSec) == 0);
  CHECK(flush(file) == 0);
  close(file);
  CHECK(job(kPending, "j").mtime_ns == clock.wall + 60 * kNsPerSec);
  set([](QueueSettings& queue) { queue.workers = 1; });
  CHECK(news().empty());
  pass_ms(60'000);
  CHECK(news() == Strings{"start j"});
}

TEST_CASE_METHOD(UploadRig, "attributes set on a new job are those that it is stored with") {
  OpenJob file = create("j");
  AttributeChange change;
  change.mode = 0640;
  change.uid = 5;
  change.gid = 6;
  Job changed;
  CHECK(queue->set_attributes(file.ino, change, changed) == 0);
  CHECK(changed.mode == 0640);
  queue->write(file, 0, "x");
  CHECK(flush(file) == 0);
  close(file);
  crash_and_start();
  Job kept = job(kPending, "j");
  CHECK(kept.mode == 0640);
  CHECK(kept.uid == 5);
  CHECK(kept.gid == 6);
}

TEST_CASE_METHOD(UploadRig, "a job is runnable only when its last writer has closed it") {
  set([](QueueSettings& queue) { queue.workers = 1; });
  OpenJob one = create("j");
  queue->write(one, 0, "x");
  OpenJob two = open(kPending, "j", true);
  OpenJob reader = open(kPending, "j");
  CHECK(flush(one) == 0);
  close(one);
  CHECK(ls(kActive).empty());
  CHECK(flush(two) == 0);
  close(two);
  CHECK(ls(kActive) == Strings{"j"});
  CHECK(read(reader) == "x");
  close(reader);
}

TEST_CASE_METHOD(UploadRig,
                 "what one user's uploads hold is limited by upload_limit, for each user") {
  set([](QueueSettings& queue) {
    queue.job_size_limit = 100;
    queue.upload_limit = 150;
  });
  OpenJob a = create("a");
  OpenJob b = create("b");
  CHECK(queue->write(a, 0, std::string(100, 'x')) == 0);
  CHECK(queue->write(b, 0, std::string(50, 'x')) == 0);
  CHECK(queue->write(b, 50, "x") == EDQUOT);
  CHECK(flush(b) == EDQUOT);
  OpenJob c = create("c", kBob);
  CHECK(queue->write(c, 0, std::string(100, 'x')) == 0);
  CHECK(flush(a) == 0);
  close(a);
  // What is stored is not counted, unless it is opened for writing.
  CHECK(queue->write(b, 50, "x") == 0);
  CHECK(flush(b) == EDQUOT);  // still poisoned
  CHECK(truncate(b.ino, 0) == 0);
  OpenJob again = open(kPending, "a", true);
  CHECK(queue->write(b, 0, std::string(51, 'x')) == EDQUOT);
  close(again);
  close(b);
  close(c);
  OpenJob d = create("d");
  CHECK(queue->write(d, 0, std::string(100, 'x')) == 0);
  OpenJob file;
  CHECK(queue->open(job(kPending, "a").ino, true, false, kAlice, file) == EDQUOT);
  CHECK(queue->open(job(kPending, "a").ino, true, false, kBob, file) == 0);
  close(file);
  close(d);
}

TEST_CASE_METHOD(UploadRig,
                 "a job that is removed while it is written takes no name and never runs") {
  set([](QueueSettings& queue) { queue.workers = 1; });
  OpenJob file = create("j");
  queue->write(file, 0, "x");
  bool stored = GENERATE(true, false);
  if (stored) CHECK(flush(file) == 0);
  OpenJob reader = open(kPending, "j");
  CHECK(rm(kPending, "j") == 0);
  CHECK(ls(kPending).empty());
  CHECK(queue->jobs().counts().total() == 0);
  CHECK(queue->write(file, 1, "y") == 0);
  CHECK(read(file) == "xy");
  CHECK(read(reader) == "xy");
  CHECK(submit("j", "another") == 0);
  CHECK(flush(file) == 0);
  close(file);
  CHECK(launcher.attempts.size() == 1);
  CHECK(launcher.attempts.back().text == "another");
  // Programs that still have it open go on seeing it.
  CHECK(read(reader) == "xy");
  Job ghost;
  CHECK(queue->jobs().get(reader.ino, ghost) == 0);
  CHECK(ghost.size() == 2);
  close(reader);
  CHECK(queue->jobs().get(reader.ino, ghost) == ENOENT);
}

TEST_CASE_METHOD(UploadRig,
                 "a job can be renamed while it is written, before and after its first flush") {
  OpenJob file = create(".tmp");
  bool stored = GENERATE(true, false);
  if (stored) {
    queue->write(file, 0, "x");
    CHECK(flush(file) == 0);
  } else {
    queue->write(file, 0, "x");
  }
  CHECK(mv(kPending, ".tmp", kPending, "final") == 0);
  CHECK(ls(kPending) == Strings{"final"});
  CHECK(mv(kPending, "final", kFailed) == EBUSY);
  if (GENERATE(true, false)) {
    // The rename was the receipt.
    crash_and_start();
    CHECK(text_of("final") == "x");
    return;
  }
  queue->write(file, 1, "y");
  CHECK(flush(file) == 0);
  close(file);
  CHECK(text_of("final") == "xy");
  CHECK(submit(".tmp", "free again") == 0);
}

TEST_CASE_METHOD(UploadRig,
                 "a failed commit takes back what it held of uploads, and all works again") {
  OpenJob file = create("j");
  queue->write(file, 0, "x");
  SECTION("a rename before the first flush") {
    CHECK(queue->rename(kPending, "j", kPending, "k", false) == 0);
    disk.fail(1);
    CHECK(queue->end_turn() == EIO);
    CHECK(ls(kPending) == Strings{"j"});
  }
  SECTION("a removal after the flush") {
    CHECK(flush(file) == 0);
    CHECK(queue->remove(kPending, "j") == 0);
    disk.fail(1);
    CHECK(queue->end_turn() == EIO);
    CHECK(ls(kPending) == Strings{"j"});
  }
  SECTION("flush and removal in one turn") {
    CHECK(queue->flush(file) == 0);
    CHECK(queue->remove(kPending, "j") == 0);
    disk.fail(1);
    CHECK(queue->end_turn() == EIO);
    CHECK(ls(kPending) == Strings{"j"});
  }
  CHECK(read(file) == "x");
  CHECK(flush(file) == 0);
  close(file);
  CHECK(text_of("j") == "x");
  crash_and_start();
  CHECK(text_of("j") == "x");
}

TEST_CASE_METHOD(UploadRig, "a commit waits for writers that are at work, and for nobody else") {
  REQUIRE(submit("before", "x") == 0);  // by a user that has had a receipt
  OpenJob first = create("first");
  OpenJob second = create("second");
  queue->write(first, 0, "x");
  queue->write(second, 0, "y");
  CHECK_FALSE(queue->gather_until_ns());  // nobody waits
  REQUIRE(queue->flush(first) == 0);
  SECTION("until they have closed") {
    CHECK(queue->gather_until_ns());
    REQUIRE(queue->flush(second) == 0);
    CHECK_FALSE(queue->gather_until_ns());
    turn();
    close(first);
    close(second);
    SECTION("and as many are expected again, once") {
      first = create("third");
      queue->write(first, 0, "z");
      REQUIRE(queue->flush(first) == 0);
      CHECK(queue->gather_until_ns());
      turn();
      second = create("fourth");
      queue->write(second, 0, "z");
      clock.advance_ms(10);
      REQUIRE(queue->flush(second) == 0);
      CHECK_FALSE(queue->gather_until_ns());
    }
  }
  SECTION("but not for one that has written nothing for a while") {
    clock.advance_ms(10);
    CHECK_FALSE(queue->gather_until_ns());
  }
}

TEST_CASE_METHOD(UploadRig, "what is staged of one job is nothing to another") {
  REQUIRE(submit("old", "x") == 0);
  REQUIRE(submit("other", "x") == 0);
  int64_t old = job(kPending, "old").ino;
  int64_t other = job(kPending, "other").ino;
  REQUIRE(queue->rename(kPending, "old", kPending, "new", false) == 0);
  const Turn& turn = queue->turn();
  CHECK(turn.may_change(old));
  CHECK(turn.may_change("old"));
  CHECK(turn.may_change("new"));
  CHECK_FALSE(turn.may_change(other));
  CHECK_FALSE(turn.may_change("other"));
  REQUIRE(queue->remove(kPending, "other") == 0);
  CHECK(turn.may_change("other"));
  queue->end_turn();
  CHECK_FALSE(turn.may_change(old));
  CHECK_FALSE(turn.may_change("other"));
}
