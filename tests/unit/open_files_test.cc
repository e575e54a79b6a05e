#include "queue/open_files.h"

#include "parts_rig.h"

using namespace filed;

namespace {

class OpenFilesRig : public PartsRig {
 public:
  OpenFiles files{core, quota, caps};

  // rm of a job, as far as the files of it see that.
  void remove(const Job& job) {
    files.unlink(job);
    REQUIRE(files.discard_log(job) == 0);
    REQUIRE(store.remove(job) == 0);
  }
};

}  // namespace

TEST_CASE_METHOD(OpenFilesRig, "a removed job lives as long as a file of it is open") {
  Job job = add("j", Dir::kPending, "hello");
  OpenJob one = text_view(job);
  OpenJob two = text_view(job);
  files.opened(one);
  files.opened(two);
  remove(job);
  REQUIRE(turn.end() == 0);
  files.closed(one);
  REQUIRE(files.unlinked(job.ino) != nullptr);
  CHECK(files.unlinked(job.ino)->text == "hello");
  CHECK(quota.users() == 1);
  files.closed(two);
  CHECK(files.unlinked(job.ino) == nullptr);
  CHECK(quota.users() == 0);
}

TEST_CASE_METHOD(OpenFilesRig, "a job that is not open leaves nothing") {
  Job job = add("j");
  remove(job);
  CHECK(files.unlinked(job.ino) == nullptr);
}

TEST_CASE_METHOD(OpenFilesRig, "a removed text is kept only if something shows it, and for quota") {
  Job job = add("j", Dir::kComplete);
  add_log(job, "log");
  OpenJob log = log_view(job);
  files.opened(log);
  SECTION("a log's reader needs no text") {
    remove(job);
    REQUIRE(files.unlinked(job.ino) != nullptr);
    CHECK_FALSE(files.unlinked(job.ino)->text);
    CHECK(quota.users() == 0);
  }
  SECTION("a full quota keeps the job, but not its text") {
    OpenJob text = text_view(job);
    files.opened(text);
    REQUIRE(quota.charge(job.uid, core.settings().upload_limit, 0, INT64_MAX) == 0);
    remove(job);
    REQUIRE(files.unlinked(job.ino) != nullptr);
    CHECK_FALSE(files.unlinked(job.ino)->text);
  }
}

TEST_CASE_METHOD(OpenFilesRig, "a removal that is rolled back is forgotten") {
  Job job = add("j");
  OpenJob file = text_view(job);
  files.opened(file);
  remove(job);
  disk.fail(1);
  CHECK(turn.end() == EIO);
  CHECK(files.unlinked(job.ino) == nullptr);
  CHECK(quota.users() == 0);
  files.closed(file);
}

TEST_CASE_METHOD(OpenFilesRig, "a log is removed when its last reader has closed it") {
  Job job = add("j", Dir::kComplete);
  add_log(job, "log");
  OpenJob one = log_view(job);
  OpenJob two = log_view(job);
  files.opened(one);
  files.opened(two);
  REQUIRE(files.discard_log(job) == 0);
  REQUIRE(turn.end() == 0);
  files.closed(one);
  CHECK(has_log(job.log));
  files.closed(two);
  REQUIRE(turn.end() == 0);
  CHECK_FALSE(has_log(job.log));
}

TEST_CASE_METHOD(
    OpenFilesRig,
    "after a rollback a log that was to be discarded stays, also after its last close") {
  Job job = add("j", Dir::kComplete);
  add_log(job, "log");
  OpenJob file = log_view(job);
  files.opened(file);
  REQUIRE(files.discard_log(job) == 0);
  disk.fail(1);
  CHECK(turn.end() == EIO);
  files.closed(file);
  REQUIRE(turn.end() == 0);
  CHECK(has_log(job.log));
}

TEST_CASE_METHOD(OpenFilesRig, "the farthest read of a job's logs is known while one is open") {
  Job job = add("j", Dir::kComplete);
  add_log(job, "log");
  OpenJob file = log_view(job);
  files.opened(file);
  files.note_log_read(job.ino, 100);
  files.note_log_read(job.ino, 50);
  CHECK(files.log_read_to(job.ino) == 100);
  files.closed(file);
  CHECK(files.log_read_to(job.ino) == 0);
}

TEST_CASE_METHOD(OpenFilesRig, "a log that is held is removed when it is released") {
  Job job = add("j", Dir::kFailed);
  add_log(job, "log");
  REQUIRE(files.hold_log(job) == 0);
  if (GENERATE(true, false)) {
    disk.fail(1);
    CHECK(turn.end() == EIO);  // not held any more
    REQUIRE(files.hold_log(job) == 0);
  }
  REQUIRE(turn.end() == 0);
  CHECK(has_log(job.log));
  OpenJob reader = log_view(job);
  bool is_read = GENERATE(true, false);
  if (is_read) files.opened(reader);

  REQUIRE((GENERATE(true, false) ? files.release_log(job.log) : files.keep_log(job.log)) == 0);
  if (!turn.changed()) return;  // it was only not held any more
  disk.fail(1);
  CHECK(turn.end() == EIO);  // still held
  CHECK(has_log(job.log));
  SECTION("released") {
    REQUIRE(files.release_log(job.log) == 0);
    REQUIRE(turn.end() == 0);
    CHECK(has_log(job.log) == is_read);
    if (is_read) files.closed(reader);
    REQUIRE(turn.end() == 0);
    CHECK_FALSE(has_log(job.log));
  }
  SECTION("kept") {
    REQUIRE(files.keep_log(job.log) == 0);
    REQUIRE(turn.end() == 0);
    if (is_read) files.closed(reader);
    REQUIRE(turn.end() == 0);
    CHECK(has_log(job.log));
  }
  SECTION("read to the end first") {
    if (is_read) files.closed(reader);
    REQUIRE(turn.end() == 0);
    CHECK(has_log(job.log));
    REQUIRE(files.release_log(job.log) == 0);
    REQUIRE(turn.end() == 0);
    CHECK_FALSE(has_log(job.log));
  }
}
