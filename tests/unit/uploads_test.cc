#include "queue/uploads.h"

#include "parts_rig.h"

using namespace filed;

namespace {

class UploadsRig : public PartsRig {
 public:
  OpenFiles files{core, quota, caps};
  Uploads uploads{core, quota, caps, files};

  OpenJob create(const std::string& id, const Caller& caller = kAlice) {
    Job job;
    OpenJob file;
    REQUIRE(uploads.create(id, 0644, caller, job, file) == 0);
    files.opened(file);
    return file;
  }

  void close(OpenJob& file) {
    files.closed(file);
    uploads.close(file);
  }

  std::string text(int64_t ino) {
    std::string text;
    REQUIRE(store.read_text(ino, text) == 0);
    return text;
  }
};

}  // namespace

TEST_CASE_METHOD(UploadsRig, "a new upload has no row before its first flush") {
  OpenJob file = create("j");
  CHECK(uploads.find_new("j") == file.ino);
  CHECK(uploads.new_jobs() == 1);
  CHECK(uploads.flush(file) == 0);  // the early flush of a shell
  CHECK_FALSE(has_row(file.ino));
  REQUIRE(uploads.write(file, 0, "hello") == 0);
  REQUIRE(uploads.flush(file) == 0);
  REQUIRE(turn.end() == 0);
  CHECK(text(file.ino) == "hello");
  CHECK_FALSE(uploads.find_new("j"));
  CHECK(uploads.blocks(file.ino));
  close(file);
  CHECK_FALSE(uploads.blocks(file.ino));
  CHECK(quota.users() == 0);
}

TEST_CASE_METHOD(UploadsRig, "a rolled back flush leaves an upload without a row, to flush again") {
  OpenJob file = create("j");
  REQUIRE(uploads.write(file, 0, "hello") == 0);
  REQUIRE(uploads.flush(file) == 0);
  disk.fail(1);
  CHECK(turn.end() == EIO);
  CHECK(uploads.find_new("j") == file.ino);
  CHECK(uploads.find(file.ino)->dirty());
  REQUIRE(uploads.flush(file) == 0);
  REQUIRE(turn.end() == 0);
  CHECK(text(file.ino) == "hello");
}

TEST_CASE_METHOD(UploadsRig, "a stored job's new text resets its attempts and its log") {
  Job job = add("j", Dir::kPending, "old");
  add_log(job, "log");
  Job before = job;
  job.attempts = 3;
  REQUIRE(store.update(before, job) == 0);
  OpenJob file;
  file.ino = job.ino;
  REQUIRE(uploads.open(job, false, kAlice, file) == 0);
  files.opened(file);
  clock.advance_ms(7);
  REQUIRE(uploads.write(file, 0, "new text") == 0);
  REQUIRE(uploads.flush(file) == 0);
  REQUIRE(turn.end() == 0);
  Job now = row(job.ino);
  CHECK(now.attempts == 0);
  CHECK(now.log == 0);
  CHECK(now.mtime_ns == clock.wall);
  CHECK_FALSE(has_log(job.log));
}

TEST_CASE_METHOD(UploadsRig, "a cut of a closed job is a new text, too") {
  Job before = add("j", Dir::kPending, "old text");
  add_log(before, "log");
  Job job = before;
  CHECK(uploads.truncate_closed(before, job, 100) == EINVAL);
  REQUIRE(uploads.truncate_closed(before, job, 3) == 0);
  REQUIRE(turn.end() == 0);
  CHECK(text(job.ino) == "old");
  CHECK(row(job.ino).log == 0);
  CHECK_FALSE(has_log(before.log));
}

TEST_CASE_METHOD(UploadsRig, "a write that does not fit fails every flush until the text is cut") {
  OpenJob file = create("j");
  REQUIRE(uploads.write(file, 0, "begin") == 0);
  CHECK(uploads.write(file, core.settings().job_size_limit, "x") == EFBIG);
  CHECK(uploads.flush(file) == EFBIG);
  REQUIRE(uploads.resize(*uploads.find(file.ino), 0) == 0);
  REQUIRE(uploads.write(file, 0, "short") == 0);
  CHECK(uploads.flush(file) == 0);
}

TEST_CASE_METHOD(UploadsRig, "a NUL byte is refused, and then the flush") {
  OpenJob file = create("j");
  REQUIRE(uploads.write(file, 0, std::string_view("a\0b", 3)) == EINVAL);
  CHECK(uploads.flush(file) == EINVAL);
  close(file);
  CHECK_FALSE(has_row(file.ino));
  CHECK_FALSE(uploads.find_new("j"));
}

TEST_CASE_METHOD(UploadsRig, "a NUL byte in a draft is refused at the flush") {
  OpenJob file = create(".j");
  REQUIRE(uploads.write(file, 0, std::string_view("a\0b", 3)) == 0);
  CHECK(uploads.flush(file) == EINVAL);
  close(file);
  CHECK_FALSE(has_row(file.ino));
}

TEST_CASE_METHOD(UploadsRig, "an empty file gets its row at the close") {
  OpenJob file = create("j");
  close(file);
  REQUIRE(turn.end() == 0);
  CHECK(row(file.ino).text_size == 0);
}

TEST_CASE_METHOD(UploadsRig, "a closed temporary file blocks for a second, unless it was renamed") {
  OpenJob file = create("sedAbC");
  file.temporary = true;
  REQUIRE(uploads.write(file, 0, "x") == 0);
  REQUIRE(uploads.flush(file) == 0);
  bool renamed = GENERATE(false, true);
  if (renamed) uploads.renamed(row(file.ino));
  close(file);
  CHECK(uploads.blocks(file.ino) == !renamed);
  if (renamed) return;
  CHECK(uploads.next_deadline_ns() == clock.mono + kNsPerSec);
  clock.advance_ms(1000);
  agenda.rescan_needed = false;
  uploads.run_deadlines(clock.mono);
  CHECK_FALSE(uploads.blocks(file.ino));
  CHECK(agenda.rescan_needed);
}

TEST_CASE_METHOD(UploadsRig, "a removed upload keeps its text for files that still show it") {
  OpenJob writer = create("j");
  REQUIRE(uploads.write(writer, 0, "text") == 0);
  Job job = uploads.find(writer.ino)->job;
  OpenJob reader = text_view(job);
  files.opened(reader);
  uploads.removed(*uploads.find(writer.ino));
  CHECK_FALSE(uploads.find_new("j"));
  CHECK(uploads.flush(writer) == 0);
  CHECK_FALSE(has_row(writer.ino));
  close(writer);
  REQUIRE(files.unlinked(job.ino) != nullptr);
  CHECK(files.unlinked(job.ino)->text == "text");
  files.closed(reader);
  CHECK(quota.users() == 0);
}

// The first receipt of a user, in a turn of its own.
void give_receipt(UploadsRig& rig) {
  OpenJob file = rig.create("before");
  REQUIRE(rig.uploads.write(file, 0, "x") == 0);
  REQUIRE(rig.uploads.flush(file) == 0);
  rig.uploads.end_turn();
  REQUIRE(rig.turn.end() == 0);
}

TEST_CASE_METHOD(UploadsRig, "more receipts are expected while other writers are at work") {
  give_receipt(*this);
  OpenJob one = create("one");
  OpenJob two = create("two");
  REQUIRE(uploads.write(one, 0, "x") == 0);
  REQUIRE(uploads.write(two, 0, "x") == 0);
  CHECK_FALSE(uploads.gather_until_ns());  // nobody waits
  REQUIRE(uploads.flush(one) == 0);
  CHECK(uploads.gather_until_ns());
  REQUIRE(uploads.flush(two) == 0);
  CHECK_FALSE(uploads.gather_until_ns());
  uploads.end_turn();
  REQUIRE(turn.end() == 0);
  clock.advance_ms(10);
  REQUIRE(uploads.write(one, 0, "y") == 0);
  REQUIRE(uploads.flush(one) == 0);
  CHECK(uploads.gather_until_ns());  // the last turn had two
}

TEST_CASE_METHOD(UploadsRig, "a turn waits 3 ms for more receipts, and 0.2 ms for each") {
  give_receipt(*this);
  OpenJob one = create("one");
  OpenJob two = create("two");
  REQUIRE(uploads.write(one, 0, "x") == 0);
  REQUIRE(uploads.write(two, 0, "x") == 0);
  REQUIRE(uploads.flush(one) == 0);
  int64_t began_ns = clock.mono;
  CHECK(uploads.gather_until_ns() == began_ns + 200'000);
  clock.mono += 2'900'000;
  REQUIRE(uploads.write(two, 0, "x") == 0);
  CHECK(uploads.gather_until_ns() == began_ns + 3'000'000);
  clock.mono += 100'000;
  CHECK_FALSE(uploads.gather_until_ns());
  uploads.end_turn();
  REQUIRE(turn.end() == 0);
  REQUIRE(uploads.write(one, 0, "y") == 0);
  REQUIRE(uploads.write(two, 0, "y") == 0);
  REQUIRE(uploads.flush(one) == 0);
  CHECK_FALSE(uploads.gather_until_ns());  // it has waited for the other upload once
}
