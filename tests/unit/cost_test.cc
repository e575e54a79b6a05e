// What a job costs the store, counted: these numbers do not depend on the machine or on its mood. A
// change that raises one says why, here. For the rest of the costs see tests/cost.
#include <cstdio>
#include <filesystem>

#include "catch.h"
#include "queue_rig.h"

using namespace filed;

namespace {

constexpr int kJobs = 1000;

// Counts the statements of every connection that is opened while it lives.
class StatementCounter {
 public:
  StatementCounter() {
    statements_ = 0;
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(trace));
  }
  ~StatementCounter() { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(trace)); }

 protected:
  static inline int64_t statements_;

 private:
  static int trace(sqlite3* db, char**, const sqlite3_api_routines*) {
    return sqlite3_trace_v2(
        db, SQLITE_TRACE_STMT,
        [](unsigned, void*, void*, void*) {
          ++statements_;
          return 0;
        },
        nullptr);
  }
};

class CostRig : private StatementCounter, public QueueRig {
 public:
  CostRig() {
    set([](QueueSettings& queue) { queue.workers = 0; });
  }

  struct Cost {
    double statements, syncs, bytes;
  };

  // Of one of so many like it.
  Cost cost_of(const std::function<void()>& what) {
    statements_ = 0;
    size_t first = disk.recorded().size();
    disk.record(true);
    what();
    disk.record(false);
    double syncs = 0;
    double bytes = 0;
    for (size_t i = first; i < disk.recorded().size(); ++i) {
      const FaultDisk::Change& change = disk.recorded()[i];
      if (change.kind == FaultDisk::Change::Kind::kSync) ++syncs;
      if (change.kind == FaultDisk::Change::Kind::kWrite) {
        bytes += static_cast<double>(change.bytes.size());
      }
    }
    return {static_cast<double>(statements_) / kJobs, syncs / kJobs, bytes / kJobs};
  }

  void submit_all() {
    for (int i = 0; i < kJobs; ++i) submit(std::to_string(i), ":");
  }

  // Two at a time, which never end in the same turn.
  void run_all() {
    set([](QueueSettings& queue) { queue.workers = 2; });
    for (size_t i = 0; i < kJobs; ++i) {
      const std::string id = launcher.attempts.at(i).id;
      begin(id);
      exit(id, 0);
    }
    REQUIRE(ls(kComplete).size() == kJobs);
  }
};

}  // namespace

// tests/cost counts the instructions of this.
extern "C" __attribute__((noinline)) void submit_and_run(CostRig& rig) {
  rig.submit_all();
  rig.run_all();
}

TEST_CASE_METHOD(CostRig, "a submission and a run cost the store no more than they did", "[cost]") {
  Cost submission = cost_of([this] { submit_all(); });
  Cost run = cost_of([this] { run_all(); });
  for (auto [name, cost] : {std::pair{"submission", submission}, {"run", run}}) {
    std::printf("%s: %.2f statements, %.2f syncs, %.0f bytes written\n", name, cost.statements,
                cost.syncs, cost.bytes);
  }
  CHECK(submission.statements < 5.1);
  CHECK(submission.syncs < 1.01);
  CHECK(submission.bytes < 22'000);
  CHECK(run.statements < 8.1);
  CHECK(run.syncs < 1.01);
  CHECK(run.bytes < 36'500);
}

TEST_CASE_METHOD(CostRig, "a thousand jobs, for counting instructions", "[.instructions]") {
  // On a real disk: the one in memory would be counted, too.
  queue.reset();
  store.reset();
  std::filesystem::remove(dir.file("db"));  // empty, beside the one in memory
  sqlite3_vfs_register(sqlite3_vfs_find("unix"), 1);
  start();
  submit_and_run(*this);
}
