// What becomes of a job whose writer gets an error, or renames it before the close.
#include <cerrno>

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

namespace {

// How a writer gets an error when "rm -rf /tmp" is stored already.
enum class How { kAfterRename, kInTheTurnOfARename, kAfterFlush, kNulByte, kHole, kDisk };

class RefusalRig : public UploadRig {
 public:
  RefusalRig() {
    set([](QueueSettings& queue) { queue.workers = 1; });
  }

  // Returns the error.
  int get_error(OpenJob& file, How how) {
    const std::string too_much(1 << 20, 'x');
    queue->write(file, 0, "rm -rf /tmp");
    if (how == How::kAfterRename || how == How::kInTheTurnOfARename) {
      REQUIRE(queue->rename(kPending, "j", kPending, "k", false) == 0);
      if (how == How::kAfterRename) turn();
    } else {
      REQUIRE(flush(file) == 0);
    }
    switch (how) {
      case How::kNulByte:
        return queue->write(file, 11, std::string(1, '\0'));
      case How::kHole:
        queue->write(file, 20, "x");
        return queue->flush(file);
      case How::kDisk:
        queue->write(file, 11, "/x");
        disk.fail(1);
        return flush(file);
      default:
        return queue->write(file, 11, too_much);
    }
  }

  // A job of that text is refused, with nothing open.
  void refuse() {
    OpenJob file = create("j");
    REQUIRE(get_error(file, How::kAfterFlush) == EFBIG);
    close(file);
    REQUIRE(job(kPending, "j").refused == EFBIG);
  }
};

}  // namespace

TEST_CASE_METHOD(RefusalRig,
                 "nothing runs of a job whose writer got an error, also after a restart") {
  bool had_text = GENERATE(false, true);
  auto how = GENERATE(How::kAfterRename, How::kInTheTurnOfARename, How::kAfterFlush, How::kNulByte,
                      How::kHole, How::kDisk);
  INFO(static_cast<int>(how) << ", had a text: " << had_text);
  if (had_text) {
    set([](QueueSettings& settings) { settings.workers = 0; });
    REQUIRE(submit("j", "an older text") == 0);
  }
  OpenJob file = had_text ? open(kPending, "j", true, true) : create("j");
  set([](QueueSettings& settings) { settings.workers = 1; });
  int error = get_error(file, how);
  CHECK(error == (how == How::kDisk                           ? EIO
                  : how == How::kNulByte || how == How::kHole ? EINVAL
                                                              : EFBIG));
  if (how != How::kDisk) {
    CHECK(queue->flush(file) == error);
    CHECK(mv(kPending, ls(kPending).front(), kPending, "l") == error);
  }
  close(file);
  std::string id = ls(kPending).front();
  CHECK(text_of(id) == "rm -rf /tmp");
  CHECK(job(kPending, id).refused == error);
  CHECK_FALSE(job(kPending, id).runnable());
  crash_and_start();
  pass_ms(10'000);
  CHECK(launcher.told.empty());
  CHECK(queue->jobs().counts().ready == 0);
}

TEST_CASE_METHOD(RefusalRig, "nor if filed dies before the writer has closed it") {
  OpenJob file = create("j");
  REQUIRE(get_error(file, How::kAfterFlush) == EFBIG);
  REQUIRE(turn() == 0);
  crash_and_start();
  turn();
  CHECK(launcher.told.empty());
  CHECK(job(kPending, "j").refused == EFBIG);
}

TEST_CASE_METHOD(RefusalRig, "a refused job runs when it is written anew, renamed or moved") {
  refuse();
  SECTION("renamed") { CHECK(mv(kPending, "j", kPending, "k") == 0); }
  SECTION("written anew") {
    OpenJob file = open(kPending, "j", true, true);
    queue->write(file, 0, "good");
    CHECK(flush(file) == 0);
    close(file);
  }
  SECTION("more is written to it") {
    OpenJob file = open(kPending, "j", true);
    queue->write(file, 11, "/x");
    CHECK(flush(file) == 0);
    close(file);
  }
  SECTION("moved to failed and back") {
    CHECK(mv(kPending, "j", kFailed) == 0);
    CHECK(mv(kFailed, "j", kPending) == 0);
  }
  CHECK(ls(kActive).size() == 1);
}

TEST_CASE_METHOD(RefusalRig, "a refused job stays so when it is opened, touched or looked at") {
  refuse();
  OpenJob file = open(kPending, "j", true);
  close(file);
  CHECK(touch(kPending, "j", 1) == 0);
  CHECK(text_of("j") == "rm -rf /tmp");
  CHECK(ls(kActive).empty());
}

TEST_CASE_METHOD(RefusalRig, "a refusal that the disk does not take is stored later") {
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

TEST_CASE_METHOD(RefusalRig, "a writer that begins anew is not refused for what was before") {
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
