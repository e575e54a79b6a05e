// What becomes of a job whose writer gets an error, or renames it before the close.
#include "catch.h"
#include "upload_rig.h"

using namespace filed;

TEST_CASE_METHOD(UploadRig,
                 "a job that is being written cannot be replaced, one that is read can") {
  REQUIRE(submit("old", "old text") == 0);
  REQUIRE(submit("new", "new text") == 0);
  OpenJob writer = open(kPending, "old", true);
  CHECK(mv(kPending, "new", kPending, "old") == EBUSY);
  close(writer);
  OpenJob unstored = create("fresh");
  CHECK(mv(kPending, "new", kPending, "fresh") == EBUSY);
  close(unstored);
  OpenJob reader = open(kPending, "old");
  CHECK(mv(kPending, "new", kPending, "old") == 0);
  CHECK(text_of("old") == "new text");
  CHECK(read(reader) == "old text");
  close(reader);
}

TEST_CASE_METHOD(UploadRig,
                 "only pending jobs can be written, and in owner mode only by owner and root") {
  options.owner_mode = true;
  stop_and_start();
  set([](QueueSettings& queue) { queue.workers = 1; });
  REQUIRE(submit("a", "x") == 0);
  REQUIRE(submit("p", "x") == 0);
  OpenJob file;
  CHECK(queue->open(job(kActive, "a").ino, true, false, kAlice, file) == EACCES);
  CHECK(queue->open(job(kActive, "a").ino, false, true, kRoot, file) == EACCES);
  int64_t ino = job(kPending, "p").ino;
  CHECK(queue->open(ino, true, false, kBob, file) == EACCES);
  CHECK(queue->open(ino, false, true, kBob, file) == EACCES);
  CHECK(queue->open(ino, false, false, kBob, file) == 0);
  close(file);
  CHECK(queue->open(ino, true, false, kRoot, file) == 0);
  close(file);
  CHECK(queue->open(ino, true, false, kAlice, file) == 0);
  close(file);
  CHECK(queue->open(999'999, true, false, kAlice, file) == ENOENT);
}

TEST_CASE_METHOD(UploadRig, "after a failed flush a later rename stores the text of then") {
  OpenJob file = create("j");
  queue->write(file, 0, "rm -rf /tmp/x");
  disk.fail(1);
  CHECK(flush(file) == EIO);
  queue->write(file, 0, "echo something quite different");
  CHECK(mv(kPending, "j", kPending, "k") == 0);
  crash_and_start();
  CHECK(text_of("k") == "echo something quite different");
}

TEST_CASE_METHOD(UploadRig,
                 "nothing runs of a job whose writer got an error, also after a restart") {
  set([](QueueSettings& settings) { settings.workers = 1; });
  bool had_text = GENERATE(false, true);
  if (had_text) {
    set([](QueueSettings& settings) { settings.workers = 0; });
    REQUIRE(submit("j", "an older text") == 0);
  }
  OpenJob file = had_text ? open(kPending, "j", true, true) : create("j");
  set([](QueueSettings& settings) { settings.workers = 1; });
  queue->write(file, 0, "rm -rf /tmp");
  std::string id = "j";
  std::string text = "rm -rf /tmp";
  const std::string too_much(1 << 20, 'x');
  int error = EFBIG;
  SECTION("what a rename has stored") {
    CHECK(mv(kPending, "j", kPending, "k") == 0);
    CHECK(queue->write(file, 11, too_much) == EFBIG);
    CHECK(mv(kPending, "k", kPending, "l") == EFBIG);
    id = "k";
  }
  SECTION("what it has stored in the same turn") {
    CHECK(queue->rename(kPending, "j", kPending, "k", false) == 0);
    CHECK(queue->write(file, 11, too_much) == EFBIG);
    id = "k";
  }
  SECTION("what was flushed") {
    CHECK(flush(file) == 0);
    CHECK(queue->write(file, 11, too_much) == EFBIG);
    SECTION("also if filed dies before the close") {
      CHECK(turn() == 0);
      crash_and_start();
      turn();
      CHECK(launcher.told.empty());
      CHECK(job(kPending, "j").refused == EFBIG);
      return;
    }
  }
  SECTION("what was flushed, and then a NUL byte") {
    CHECK(flush(file) == 0);
    SECTION("that is written") { CHECK(queue->write(file, 11, std::string(1, '\0')) == EINVAL); }
    SECTION("or a hole") {
      CHECK(queue->write(file, 20, "x") == 0);
      CHECK(queue->flush(file) == EINVAL);
    }
    error = EINVAL;
  }
  SECTION("what was flushed, and then a close that the disk refuses") {
    CHECK(flush(file) == 0);
    CHECK(queue->write(file, 11, "/x") == 0);
    disk.fail(1);
    CHECK(flush(file) == EIO);
    error = EIO;
  }
  if (error != EIO) CHECK(queue->flush(file) == error);
  queue->close(file);
  turn();
  CHECK(text_of(id) == text);
  CHECK(job(kPending, id).refused == error);
  CHECK_FALSE(job(kPending, id).runnable());
  crash_and_start();
  pass_ms(10'000);
  CHECK(launcher.told.empty());
  CHECK(queue->jobs().counts().ready == 0);

  SECTION("until it is renamed") { CHECK(mv(kPending, id, kPending, "m") == 0); }
  SECTION("until it is written anew") {
    file = open(kPending, id, true, true);
    queue->write(file, 0, "good");
    CHECK(flush(file) == 0);
    close(file);
  }
  SECTION("until more is written to it") {
    file = open(kPending, id, true);
    queue->write(file, 11, "/x");
    CHECK(flush(file) == 0);
    close(file);
  }
  SECTION("until it is moved to failed and back") {
    CHECK(mv(kPending, id, kFailed) == 0);
    CHECK(mv(kFailed, id, kPending) == 0);
  }
  CHECK(ls(kActive).size() == 1);
}

TEST_CASE_METHOD(UploadRig, "a refusal that the disk does not take is stored later") {
  OpenJob file = create("j");
  queue->write(file, 0, "one");
  CHECK(flush(file) == 0);
  queue->write(file, 3, " and two");
  disk.fail(1, SQLITE_FULL, 1'000'000);
  CHECK(flush(file) == ENOSPC);
  queue->close(file);
  turn();
  pass_ms(5000);
  disk.fail(0);
  CHECK(launcher.told.empty());
  bool is_renamed = GENERATE(true, false);
  if (is_renamed) {
    CHECK(mv(kPending, "j", kPending, "k") == 0);
    pass_ms(1000);
    CHECK(ls(kActive) == Strings{"k"});
  } else {
    pass_ms(1000);
    CHECK(job(kPending, "j").refused == ENOSPC);
    crash_and_start();
    pass_ms(1000);
    CHECK(launcher.told.empty());
  }
}

TEST_CASE_METHOD(UploadRig, "a writer that begins anew is not refused for what was before") {
  OpenJob file = create("j");
  queue->write(file, 0, "one");
  CHECK(flush(file) == 0);
  CHECK(queue->write(file, 3, std::string(1 << 20, 'x')) == EFBIG);
  AttributeChange cut;
  cut.size = 0;
  Job changed;
  CHECK(queue->set_attributes(file.ino, cut, changed) == 0);
  queue->write(file, 0, "two");
  CHECK(flush(file) == 0);
  close(file);
  CHECK(ls(kActive) == Strings{"j"});
}

TEST_CASE_METHOD(UploadRig,
                 "a touch while a job is written that cannot be committed is taken back") {
  REQUIRE(submit("j", "x") == 0);
  clock.advance_ms(10);
  OpenJob file = open(kPending, "j", true);
  queue->write(file, 0, "y");
  int64_t before = job(kPending, "j").mtime_ns;
  AttributeChange change;
  change.mtime_ns = 42;
  Job changed;
  CHECK(queue->set_attributes(file.ino, change, changed) == 0);
  disk.fail(1);
  CHECK(queue->end_turn() == EIO);
  CHECK(job(kPending, "j").mtime_ns == before);
  CHECK(flush(file) == 0);
  close(file);
  CHECK(job(kPending, "j").mtime_ns == before);
}

TEST_CASE_METHOD(UploadRig,
                 "an open job whose rename is not stored has its old name for its writer") {
  OpenJob file = create("j");
  queue->write(file, 0, "one");
  CHECK(flush(file) == 0);
  disk.fail(1);
  CHECK(mv(kPending, "j", kPending, ".j") == EIO);
  // Only in a draft it would be taken.
  CHECK(queue->write(file, 3, std::string_view("\0", 1)) == EINVAL);
  close(file);
}
