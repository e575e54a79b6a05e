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
    scheduler.note_changes();
    REQUIRE(turn.end() == 0);
    scheduler.after_commit();
    return launcher.news();
  }

  void end(const std::string& id) {
    for (const StartRequest& request : std::vector<StartRequest>(launcher.attempts)) {
      if (request.id == id) attempts.exited(request.attempt, {});
    }
  }

  // A job of a user.
  Job by(uid_t uid, const std::string& id, int64_t mtime_ns) {
    return due_at(id, mtime_ns, Dir::kPending, uid);
  }

  Job due_at(const std::string& id, int64_t mtime_ns, Dir where = Dir::kPending,
             uid_t uid = kAlice.uid) {
    Job job = add(id, where);
    Job before = job;
    job.uid = uid;
    job.mtime_ns = mtime_ns;
    REQUIRE(store.update(before, job) == 0);
    REQUIRE(turn.end() == 0);
    return job;
  }
};

}  // namespace

TEST_CASE_METHOD(SchedulerRig, "as many jobs are claimed as workers are free, by due time") {
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

TEST_CASE_METHOD(SchedulerRig,
                 "a step of the clock forward makes nothing old that has just ended") {
  constexpr int64_t kYearsNs = 56 * 365 * 86'400 * kNsPerSec;
  set("workers = 0\nkeep_failed = 10s\n");
  due_at("before", clock.wall, Dir::kFailed);
  run();
  clock.wall += kYearsNs;
  due_at("after", clock.wall, Dir::kFailed);
  run();
  CHECK(store.counts().of(Dir::kFailed) == 2);
  CHECK(agenda.next_wall_ns == clock.wall + 10 * kNsPerSec);
  clock.advance_ms(9'000);
  run();
  CHECK(store.counts().of(Dir::kFailed) == 2);
  clock.advance_ms(1'000);
  run();
  CHECK(store.counts().of(Dir::kFailed) == 0);
  // What has this time passed while filed saw it, expires after a step, too.
  due_at("old", clock.wall, Dir::kFailed);
  clock.advance_ms(5'000);
  run();
  clock.wall += ClockSteps::kMinStepNs;
  clock.advance_ms(5'000);
  run();
  CHECK(store.counts().of(Dir::kFailed) == 0);
}

TEST_CASE_METHOD(SchedulerRig, "owners take turns, whatever the due times and however many jobs") {
  set("workers = 1\n");
  for (int i = 0; i < 5; ++i) by(1, "a" + std::to_string(i), i);
  by(2, "b0", clock.wall - 1);
  by(2, "b1", clock.wall);
  Strings order;
  for (int i = 0; i < 7; ++i) {
    Strings started = run();
    REQUIRE(started.size() == 1);
    order.push_back(started[0].substr(6));
    end(order.back());
  }
  CHECK(order == Strings{"a0", "b0", "a1", "b1", "a2", "a3", "a4"});
}

TEST_CASE_METHOD(SchedulerRig, "the next worker goes to the owner with the fewest attempts") {
  set("workers = 3\n");
  for (int i = 0; i < 9; ++i) by(1, "a" + std::to_string(i), i);
  CHECK(run() == Strings{"start a0", "start a1", "start a2"});
  for (int i = 0; i < 3; ++i) by(2, "b" + std::to_string(i), 100 + i);
  CHECK(run().empty());
  end("a0");
  CHECK(run() == Strings{"start b0"});
  // One of each is under way, and owner 1's last start is longer ago.
  end("a1");
  CHECK(run() == Strings{"start a3"});
  end("a2");
  CHECK(run() == Strings{"start b1"});
}

TEST_CASE_METHOD(SchedulerRig, "an attempt that does not die counts for its owner's share") {
  set("workers = 1\n");
  for (int i = 0; i < 3; ++i) by(1, "a" + std::to_string(i), i);
  REQUIRE(run() == Strings{"start a0"});
  attempts.undying(launcher.attempts[0].attempt, 7, 'D');
  for (int i = 0; i < 2; ++i) by(2, "b" + std::to_string(i), 100);
  REQUIRE(run() == Strings{"start b0"});
  end("b0");
  CHECK(run() == Strings{"start b1"});
  end("b1");
  CHECK(run() == Strings{"start a1"});
}

TEST_CASE_METHOD(SchedulerRig, "a job with a time before 1970 comes before those of all owners") {
  set("workers = 1\n");
  for (int i = 0; i < 3; ++i) by(1, "a" + std::to_string(i), i);
  REQUIRE(run() == Strings{"start a0"});
  by(2, "b", 1);
  by(1, "first", -1'000'000'000);
  by(3, "second", -5);
  by(1, "third", -1);
  Strings order;
  for (const char* ended : {"a0", "first", "second", "third", "b"}) {
    end(ended);
    for (const std::string& started : run()) order.push_back(started.substr(6));
  }
  CHECK(order == Strings{"first", "second", "third", "b", "a1"});
}

TEST_CASE_METHOD(SchedulerRig, "at a start, a job with a time before 1970 comes first, too") {
  set("workers = 1\n");
  by(1, "a", 5);
  by(2, "b", -5);
  store.take_claimable_changes();
  CHECK(run() == Strings{"start b"});
}

TEST_CASE_METHOD(SchedulerRig, "a claim that is rolled back is made again, in its place") {
  set("workers = 1\n");
  bool urgent = GENERATE(false, true);
  by(1, "a", urgent ? -5 : 5);
  scheduler.run();
  CHECK(store.counts().of(Dir::kActive) == 1);
  store.put_chunk(1, 0, "x");
  disk.fail(1, SQLITE_IOERR_WRITE, 50);
  scheduler.note_changes();
  REQUIRE(turn.end() != 0);
  disk.fail(0);
  CHECK(store.counts().of(Dir::kActive) == 0);
  CHECK(run() == Strings{"start a"});
}

TEST_CASE_METHOD(SchedulerRig,
                 "many jobs that are held open are looked at once, not at each claim") {
  set("workers = 1\n");
  std::vector<OpenJob> writers;
  for (int i = 0; i < 300; ++i) writers.push_back(write(due_at("held" + std::to_string(i), 0)));
  for (int i = 0; i < 3; ++i) due_at("free" + std::to_string(i), 1);
  int turns = 0;
  while (run().empty() && turns < 100) ++turns;
  CHECK(turns > 2);  // in pieces
  CHECK(launcher.attempts.back().id == "free0");
  auto left = [&] {
    size_t jobs = 0;
    REQUIRE(store.claimable(kAlice.uid,
                            [&](const Job&, std::string_view) { return ++jobs < 1000; }) == 0);
    return jobs;
  };
  CHECK(left() == 2);
  close(writers[7]);
  end("free0");
  CHECK(run() == Strings{"start held7"});
  for (size_t i = 0; i < writers.size(); ++i) {
    if (i != 7) close(writers[i]);
  }
  CHECK(run().empty());
  CHECK(left() == 2 + 299);
}

TEST_CASE_METHOD(SchedulerRig, "a few jobs that are held open stay where they are") {
  set("workers = 1\n");
  Job held = due_at("held", 0);
  OpenJob writer = write(held);
  CHECK(run().empty());
  CHECK_FALSE(row(held.ino).parked);
  close(writer);
  CHECK(run() == Strings{"start held"});
}

TEST_CASE_METHOD(SchedulerRig, "a job whose id a dying attempt has had starts when that is dead") {
  set("workers = 2\n");
  Job old = by(1, "x", 0);
  REQUIRE(run() == Strings{"start x"});
  REQUIRE(moves.remove(Dir::kActive, "x") == 0);
  REQUIRE(turn.end() == 0);
  launcher.news();
  by(2, "x", 0);
  CHECK(run().empty());
  end("x");
  CHECK(run().empty());  // the end is committed in this turn
  CHECK(run() == Strings{"start x"});
}

TEST_CASE_METHOD(SchedulerRig,
                 "a job that gets the id of another in the turn that ends it starts") {
  set("workers = 2\nretries = 0\n");
  Job first = due_at("x", 0);
  REQUIRE(run() == Strings{"start x"});
  Job second = due_at(".y", 0);
  end("x");
  REQUIRE(moves.rename(Dir::kComplete, "x", Dir::kComplete, "z", false) == 0);
  REQUIRE(moves.rename(Dir::kPending, ".y", Dir::kPending, "x", false) == 0);
  CHECK(run().empty());  // the end is committed in this turn
  CHECK(run() == Strings{"start x"});
}

TEST_CASE_METHOD(SchedulerRig, "a parked job is not lost if the turn fails that brings it back") {
  set("workers = 1\n");
  std::vector<OpenJob> writers;
  for (int i = 0; i < 20; ++i) writers.push_back(write(due_at("held" + std::to_string(i), 0)));
  CHECK(run().empty());
  CHECK(row(writers[3].ino).parked);
  close(writers[3]);
  scheduler.run();
  CHECK(store.counts().of(Dir::kActive) == 1);
  disk.fail(1, SQLITE_IOERR_WRITE, 50);
  scheduler.note_changes();
  REQUIRE(turn.end() != 0);
  disk.fail(0);
  CHECK(run() == Strings{"start held3"});
}
