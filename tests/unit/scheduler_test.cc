#include "queue/scheduler.h"

#include "parts_rig.h"

using namespace filed;
using Strings = std::vector<std::string>;

namespace {

class SchedulerRig : public JobsRig {
 public:
  Moves moves{core, files, uploads, attempts, jobs};
  Scheduler scheduler{core, shares, uploads, attempts, moves, watcher};

  Strings run() {
    scheduler.run();
    REQUIRE(turn.end() == 0);
    return launcher.news();
  }

  Job due_at(const std::string& id, int64_t mtime_ns, Dir where = Dir::kPending) {
    Job job = add(id, where);
    Job before = job;
    job.mtime_ns = mtime_ns;
    REQUIRE(store.update(before, job) == 0);
    REQUIRE(turn.end() == 0);
    return job;
  }
};

}  // namespace

TEST_CASE_METHOD(SchedulerRig, "as many jobs are claimed as workers are free, by their due times") {
  set("workers = 2\n");
  due_at("third", clock.wall - 1);
  due_at("first", clock.wall - 3);
  due_at("second", clock.wall - 2);
  CHECK(run() == Strings{"start first", "start second"});
  CHECK(run().empty());
  attempts.exited(launcher.attempts[0].attempt, {});
  CHECK(run() == Strings{"start third"});
}

TEST_CASE_METHOD(SchedulerRig, "what is not due is looked for when it falls due") {
  set("workers = 2\n");
  due_at("later", clock.wall + 1000);
  due_at("much-later", clock.wall + 2000);
  CHECK(run().empty());
  CHECK(agenda.next_wall_ns == clock.wall + 1000);
  CHECK_FALSE(agenda.rescan_needed);
}

TEST_CASE_METHOD(SchedulerRig, "no worker, a paused queue or a stop claims nothing") {
  add("j");
  bool stopping = GENERATE(false, true);
  set(stopping ? "workers = 1\n" : "workers = 0\n");
  agenda.stopping = stopping;
  CHECK(run().empty());
  CHECK_FALSE(agenda.next_wall_ns);
}

TEST_CASE_METHOD(SchedulerRig, "a job that is open for writing, or still dies, is passed over") {
  set("workers = 5\n");
  Job written = add("written");
  Job dying = add("dying");
  REQUIRE(run() == Strings{"start written", "start dying"});
  for (const StartRequest& request : std::vector<StartRequest>(launcher.attempts)) {
    if (request.id == "written") attempts.exited(request.attempt, {});
  }
  REQUIRE(moves.rename(Dir::kActive, "dying", Dir::kPending, "dying", false) == 0);
  REQUIRE(turn.end() == 0);
  launcher.news();
  REQUIRE(moves.rename(Dir::kComplete, "written", Dir::kPending, "written", false) == 0);
  OpenJob writer = write(row(written.ino));
  add("free");
  CHECK(run() == Strings{"start free"});
  close(writer);
  CHECK(run() == Strings{"start written"});
}

TEST_CASE_METHOD(SchedulerRig, "ended jobs expire in pieces, and the next time is known") {
  set("workers = 0\nkeep_complete = 10s\n");
  for (int i = 0; i < 70; ++i) due_at("c" + std::to_string(i), clock.wall, Dir::kComplete);
  due_at("last", clock.wall + 5 * kNsPerSec, Dir::kComplete);
  due_at("failed", 0, Dir::kFailed);
  run();
  CHECK(agenda.next_wall_ns == clock.wall + 10 * kNsPerSec);
  clock.advance_ms(10'000);
  run();
  CHECK(store.counts().of(Dir::kComplete) == 71 - 64);
  CHECK(agenda.rescan_needed);
  run();
  CHECK(store.counts().of(Dir::kComplete) == 1);
  CHECK(agenda.next_wall_ns == clock.wall + 5 * kNsPerSec);
  CHECK(store.counts().of(Dir::kFailed) == 1);
}
