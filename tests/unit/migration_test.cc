// Files of an older filed: what start_migration() and migrate() do to them.
#include "queue_rig.h"
#include "store_rig.h"

using namespace filed;

namespace {

constexpr size_t kOldSteps = 3;  // the schema before owners and their jobs to claim

// A file of schema 3 with so many due jobs of each of three owners, one that waits, a draft, an empty
// job, one that failed and one that was complete. Ids tell the due time.
std::string old_file(const TempDir& dir, int jobs) {
  std::string path = dir.file("db");
  { StateFile file(path, schema_steps().first(kOldSteps)); }
  Sql sql(path);
  sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
      std::to_string(3 * jobs) +
      ") INSERT INTO jobs(ino, id, dir, ready, mode, uid, gid, mtime, submitted, text)"
      "  SELECT i, CAST('j' || i AS BLOB), 0, 1, 420, 1000 + i % 3, 100, 100000 - i, 5, x'3a' FROM "
      "n");
  const char* others[][4] = {{"later", "0", "1", "':'"},
                             {".draft", "0", "0", "':'"},
                             {"empty", "0", "0", "''"},
                             {"failed", "2", "0", "':'"},
                             {"complete", "3", "0", "':'"}};
  int64_t ino = 1'000'000;
  for (const auto& [id, in, ready, text] : others) {
    std::string mtime = std::string(id) == "later" ? "9000000000000000000" : "1";
    sql("INSERT INTO jobs(ino, id, dir, ready, mode, uid, gid, mtime, submitted, log_size, text)"
        " VALUES(" +
        std::to_string(++ino) + ", CAST('" + id + "' AS BLOB), " + in + ", " + ready +
        ", 420, 1000, 100, " + mtime + ", 5, " + (*in >= '2' ? "7" : "NULL") + ", CAST(" + text +
        " AS BLOB))");
  }
  int64_t ready = 3 * jobs + 1;
  sql("UPDATE counts SET pending = " + std::to_string(ready + 2) +
      ", failed = 1, complete = 1, ready = " + std::to_string(ready) +
      "; UPDATE state SET next_serial = 2000000");
  return path;
}

std::string ids(const Store& store, uid_t uid) {
  std::string ids;
  REQUIRE(store.claimable(uid, [&](const Job& job, std::string_view) {
    ids += job.id + " ";
    return true;
  }) == 0);
  return ids;
}

}  // namespace

TEST_CASE("a small file of an older filed is up to date after a start") {
  QuietLog quiet;
  TempDir dir;
  std::string path = old_file(dir, 2);
  {
    Store store(path);
    CHECK_FALSE(store.migrating());
    CHECK(ids(store, 1000) == "j6 j3 later ");
    CHECK(ids(store, 1001) == "j4 j1 ");
    CHECK(store.owners().of(1000).of(Dir::kPending) == 5);
    CHECK(store.owners().of(1000).ready == 3);
    CHECK(store.owners().of(1000).of(Dir::kFailed) == 1);
    // Texts of one byte, but for the empty one, and two logs of seven.
    CHECK(store.owners().of(1000).bytes == 6 + 2 * 7);
    CHECK(store.owners().of(1002).ready == 2);
    CHECK(store.owners().of(OwnerCounts::kUncounted) == Counts{});
    CHECK(store.counts().total() == 11);
  }
  Sql sql(path);
  CHECK(sql("SELECT count(*) FROM sqlite_master WHERE name = 'jobs_due'") == "0\n");
  CHECK(sql("SELECT count(*) FROM jobs WHERE ready") == "0\n");
  CHECK(sql("SELECT counted_to FROM state") == "NULL\n");
  CHECK(sql("SELECT count(*) FROM owners WHERE uid < 0") == "0\n");
  CHECK(sql("PRAGMA integrity_check") == "ok\n");
}

TEST_CASE("a large file of an older filed is served while its jobs are brought up to date") {
  QuietLog quiet;
  TempDir dir;
  std::string path = old_file(dir, 1000);
  auto check_sums = [](const Store& store) {
    Counts sum;
    for (const auto& [owner, entry] : store.owners().all()) {
      for (size_t i = 0; i < sum.dir.size(); ++i) sum.dir[i] += entry.counts.dir[i];
      sum.ready += entry.counts.ready;
      sum.bytes += entry.counts.bytes;
    }
    CHECK(sum == store.counts());
  };
  bool stops = GENERATE(false, true);
  std::optional<Store> store(path);
  CHECK(store->migrating());
  CHECK(store->lacks_claimable());
  // Those that fall due first have come first.
  CHECK(ids(*store, 1000).substr(0, 6) == "j3000 ");
  CHECK(ids(*store, 1000).find("j3 ") == std::string::npos);
  int pieces = 0;
  for (; store->migrating(); ++pieces) {
    REQUIRE(store->migrate(100) == 0);
    if (pieces % 5 == 1) {
      store->rollback();
    } else {
      REQUIRE(store->commit() == 0);
    }
    // Meanwhile jobs come, go and change: of those that were migrated, and of those that were not.
    Job job;
    if (store->find("j" + std::to_string(pieces + 1), job) == 0) {
      Job changed = job;
      changed.mtime_ns = 7;
      changed.uid = 1001;
      REQUIRE(store->update(job, changed) == 0);
    }
    if (store->find("j" + std::to_string(2000 - pieces), job) == 0)
      REQUIRE(store->remove(job) == 0);
    add(*store, "new" + std::to_string(pieces));
    REQUIRE(store->commit() == 0);
    check_sums(*store);
    if (stops && pieces % 7 == 0) {
      store.reset();
      store.emplace(path);
    }
  }
  CHECK(pieces > 20);
  CHECK(store->counts().total() == 3005);
  CHECK(store->counts().ready == 3001);
  store.reset();
  Sql sql(path);
  CHECK(sql("SELECT count(*) FROM jobs WHERE claim") == "3001\n");
  CHECK(sql("SELECT sum(pending), sum(ready), sum(bytes) FROM owners") ==
        sql("SELECT sum(dir = 0), sum(ifnull(claim, 0)), sum(length(text) + ifnull(log_size, 0)) "
            "FROM jobs"));
  CHECK(sql("SELECT count(DISTINCT pending) FROM owners WHERE uid IN (SELECT uid FROM jobs)") !=
        "0\n");
  CHECK(sql("PRAGMA integrity_check") == "ok\n");
}

TEST_CASE("the queue migrates by itself, runs all jobs, and says when it is done") {
  QuietLog quiet;
  TempDir dir;
  FakeClock clock;
  FakeLauncher launcher;
  std::string path = old_file(dir, 1000);
  Store store(path);
  REQUIRE(recover(store, clock, {}) == 0);
  Settings settings;
  settings.queue.workers = 100'000;
  Queue queue(store, launcher, clock, LiveSettings(settings), {});
  int turns = 0;
  for (; queue.next_deadline_ns() == int64_t{0}; ++turns) REQUIRE(queue.end_turn() == 0);
  CHECK(turns > 10);
  CHECK_FALSE(store.migrating());
  CHECK(launcher.attempts.size() == 3000);
  CHECK(queue.count_waiting() == 1);
}

TEST_CASE("a time before 1970 of an older filed is no choice of root's") {
  QuietLog quiet;
  TempDir dir;
  std::string path = old_file(dir, 2);
  Sql{path}("UPDATE jobs SET mtime = -5 WHERE id = CAST('j3' AS BLOB)");
  Store store(path);
  Job job;
  REQUIRE(store.find("j3", job) == 0);
  CHECK(job.mtime_ns == 0);
}
