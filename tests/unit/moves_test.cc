#include "queue/moves.h"

#include <algorithm>

#include "parts_rig.h"
#include "queue/attributes.h"

using namespace filed;

namespace {

class MovesRig : public JobsRig {
 public:
  Moves moves{core, files, uploads, attempts, jobs};
  Attributes attributes{core, caps, uploads, attempts, jobs};

  int mv(Dir from, const std::string& id, Dir to, const std::string& new_id, bool keep = false) {
    int error = moves.rename(from, id, to, new_id, keep);
    return error != 0 ? error : turn.end();
  }

  Job add_active(const std::string& id) {
    Job job = add(id);
    claim(job);
    return job;
  }
};

}  // namespace

TEST_CASE_METHOD(MovesRig, "moves that the table refuses change nothing, each with its errno") {
  add("p");
  Job active = add_active("a");
  add("f", Dir::kFailed);
  CHECK(mv(Dir::kPending, "p", Dir::kComplete, "p") == EPERM);
  CHECK(mv(Dir::kPending, "p", Dir::kActive, "p") == EPERM);
  CHECK(mv(Dir::kActive, "a", Dir::kActive, "b") == EBUSY);
  CHECK(mv(Dir::kFailed, "f", Dir::kComplete, "f") == EPERM);
  CHECK(mv(Dir::kFailed, "none", Dir::kPending, "none") == ENOENT);
  CHECK_FALSE(turn.changed());
}

TEST_CASE_METHOD(MovesRig, "another job's id may be taken within pending, and nowhere else") {
  Job one = add("one");
  Job two = add("two");
  add("f1", Dir::kFailed);
  add("f2", Dir::kFailed);
  CHECK(mv(Dir::kFailed, "f1", Dir::kFailed, "f2") == EEXIST);
  CHECK(mv(Dir::kFailed, "f1", Dir::kPending, "one") == EEXIST);
  CHECK(mv(Dir::kPending, "one", Dir::kPending, "f1") == EEXIST);
  CHECK(mv(Dir::kPending, "one", Dir::kPending, "two", true) == EEXIST);
  OpenJob writer = write(two);
  CHECK(mv(Dir::kPending, "one", Dir::kPending, "two") == EBUSY);
  close(writer);
  CHECK(mv(Dir::kPending, "one", Dir::kPending, "two") == 0);
  CHECK(row(one.ino).id == "two");
  CHECK_FALSE(has_row(two.ino));
}

TEST_CASE_METHOD(MovesRig, "an open job may be renamed, but not cancelled") {
  Job job = add("j");
  OpenJob writer = write(job);
  CHECK(mv(Dir::kPending, "j", Dir::kFailed, "j") == EBUSY);
  CHECK(mv(Dir::kPending, "j", Dir::kPending, "k") == 0);
  CHECK(uploads.find(job.ino)->renamed);
  CHECK(row(job.ino).id == "k");
}

TEST_CASE_METHOD(MovesRig, "a cancelled job's log says so, and what happened before") {
  Job job = add("j");
  Job before = job;
  job.attempts = 2;
  job.outcome.cause = "exit status 3";
  job.outcome.started_ns = 1;
  job.outcome.finished_ns = 2;
  add_log(job, "old");
  REQUIRE(store.update(before, job) == 0);
  REQUIRE(mv(Dir::kPending, "j", Dir::kFailed, "j") == 0);
  Job failed = row(job.ino);
  std::string log;
  REQUIRE(store.read_chunk(failed.log, 0, 0, 1000, log) == 0);
  CHECK(log == "old\n\n[System Error]: cancelled by mv to failed, last attempt: exit status 3\n");
  CHECK(failed.log_size == static_cast<int64_t>(log.size()));
  CHECK(failed.attempts == 2);
  CHECK(failed.log == job.log);
  CHECK(failed.outcome.finished_ns == 2);

  // Moved back and forth, it is as it was: the log does not grow.
  for (int times = 0; times < 3; ++times) {
    REQUIRE(mv(Dir::kFailed, "j", Dir::kPending, "j") == 0);
    REQUIRE(mv(Dir::kPending, "j", Dir::kFailed, "j") == 0);
  }
  CHECK(row(job.ino).log == failed.log);
  CHECK(row(job.ino).log_size == failed.log_size);
  CHECK(row(job.ino).outcome.cause == failed.outcome.cause);
}

TEST_CASE_METHOD(MovesRig, "a cancelled job that never ran does not get a second line either") {
  Job job = add("j");
  for (int times = 0; times < 2; ++times) {
    REQUIRE(mv(Dir::kPending, "j", Dir::kFailed, "j") == 0);
    Job failed = row(job.ino);
    CHECK(failed.outcome.cause == "cancelled by mv to failed");
    CHECK(failed.outcome.finished_ns == 0);
    std::string log;
    REQUIRE(store.read_chunk(failed.log, 0, 0, 1000, log) == 0);
    CHECK(log == ">>> text\n\n\n[System Error]: cancelled by mv to failed\n");
    REQUIRE(mv(Dir::kFailed, "j", Dir::kPending, "j") == 0);
  }
}

TEST_CASE_METHOD(MovesRig, "a job that ended runs again with its attempts reset") {
  Job job = add("j", Dir::kFailed);
  Job before = job;
  job.attempts = 4;
  job.mtime_ns = clock.wall + GENERATE(-kNsPerSec, kNsPerSec);
  REQUIRE(store.update(before, job) == 0);
  REQUIRE(mv(Dir::kFailed, "j", Dir::kPending, "k") == 0);
  CHECK(row(job.ino).attempts == 0);
  CHECK(row(job.ino).mtime_ns == std::max(job.mtime_ns, clock.wall));
}

TEST_CASE_METHOD(MovesRig, "rm kills an active job after the commit") {
  Job job = add_active("j");
  launcher.news();
  REQUIRE(moves.remove(Dir::kActive, "j") == 0);
  SECTION("committed") {
    REQUIRE(turn.end() == 0);
    CHECK(launcher.news() == std::vector<std::string>{"kill j"});
    CHECK_FALSE(has_row(job.ino));
  }
  SECTION("rolled back") {
    disk.fail(1);
    CHECK(turn.end() == EIO);
    CHECK(launcher.news().empty());
    CHECK(attempts.of(job.ino) != nullptr);
  }
}

TEST_CASE_METHOD(MovesRig, "rm of a job that is being written takes its row at once") {
  Job job = add("j");
  OpenJob writer = write(job);
  REQUIRE(moves.remove(Dir::kPending, "j") == 0);
  CHECK(uploads.find(job.ino)->row == Upload::Row::kRemoved);
  SECTION("committed") {
    REQUIRE(turn.end() == 0);
    CHECK_FALSE(has_row(job.ino));
  }
  SECTION("rolled back") {
    disk.fail(1);
    CHECK(turn.end() == EIO);
    CHECK(uploads.find(job.ino)->row == Upload::Row::kStored);
  }
}

TEST_CASE_METHOD(MovesRig, "only what has ended expires") {
  CHECK(moves.expire(add("p")) == EPERM);
  CHECK(moves.expire(add("f", Dir::kFailed)) == 0);
  CHECK(moves.expire(add("c", Dir::kComplete)) == 0);
}

TEST_CASE_METHOD(MovesRig,
                 "attributes: the mtime of an active job is its file's, not its due time") {
  Job job = add_active("j");
  AttributeChange change;
  change.mtime_ns = 5;
  Job changed;
  REQUIRE(attributes.set(job.ino, change, changed) == 0);
  CHECK(changed.mtime_ns == 5);
  CHECK(row(job.ino).mtime_ns == job.mtime_ns);
  disk.fail(1);
  CHECK(turn.end() == EIO);
  Job shown;
  REQUIRE(jobs.get(job.ino, shown) == 0);
  CHECK(shown.mtime_ns == clock.wall);
}

TEST_CASE_METHOD(MovesRig, "attributes: only a pending job has a size to change") {
  AttributeChange change;
  change.size = 1;
  Job changed;
  CHECK(attributes.set(add("f", Dir::kFailed).ino, change, changed) == EACCES);
  CHECK(attributes.set(add("p").ino, change, changed) == 0);
  CHECK(changed.text_size == 1);
  CHECK(attributes.set(12345, change, changed) == ENOENT);
}

TEST_CASE_METHOD(MovesRig, "attributes: the checks of owner mode") {
  Job job = add("j");
  AttributeChange touch;
  touch.mtime_ns = 5;
  CHECK(attributes.check(job.ino, touch, kAlice, false) == 0);
  CHECK(attributes.check(job.ino, touch, kBob, false) == EACCES);
  CHECK(attributes.check(job.ino, touch, kBob, true) == 0);
  CHECK(attributes.check(job.ino, touch, {0, 0}, false) == 0);
  AttributeChange chown;
  chown.uid = kBob.uid;
  CHECK(attributes.check(job.ino, chown, {0, 0}, false) == 0);
  OpenJob writer = write(job);
  CHECK(attributes.check(job.ino, chown, {0, 0}, false) == EBUSY);
}

TEST_CASE_METHOD(MovesRig, "attributes: a change while writing is restored by a rollback") {
  Job job = add("j");
  OpenJob writer = write(job);
  AttributeChange change;
  change.mode = 0600;
  change.mtime_ns = 5;
  Job changed;
  REQUIRE(attributes.set(job.ino, change, changed) == 0);
  disk.fail(1);
  CHECK(turn.end() == EIO);
  CHECK(uploads.find(job.ino)->job.mode == 0644);
  CHECK(uploads.find(job.ino)->job.mtime_ns == job.mtime_ns);
}
