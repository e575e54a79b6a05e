#include "queue/store.h"

#include <optional>
#include <set>
#include <vector>

#include "quiet_log.h"
#include "store_rig.h"

using namespace filed;

TEST_CASE("a job comes back from the store as it went in") {
  TempDir dir;
  Job job;
  {
    Store store(dir.file("db"));
    job = job_of(store, std::string("a\xff\n'b", 5), Dir::kFailed);
    job.attempts = 4;
    job.log = store.next_sequence_number();
    job.log_size = 1 << 20;
    job.atime_ns = -7;
    job.ctime_ns = INT64_MAX;
    job.outcome = {256, "exit status 1", 10, 20, 30, 40};
    REQUIRE(store.insert(job, std::string("t\0xt", 4)) == 0);
    REQUIRE(store.commit() == 0);
    REQUIRE(store.close() == 0);
  }
  Store store(dir.file("db"));
  Job found;
  REQUIRE(store.find(job.id, found) == 0);
  CHECK(found.ino == job.ino);
  CHECK(found.id == job.id);
  CHECK(found.dir == job.dir);
  CHECK(found.mode == job.mode);
  CHECK(found.uid == job.uid);
  CHECK(found.gid == job.gid);
  CHECK(found.text_size == 4);
  CHECK(found.mtime_ns == job.mtime_ns);
  CHECK(found.atime_ns == -7);
  CHECK(found.ctime_ns == INT64_MAX);
  CHECK(found.submitted_ns == 3);
  CHECK(found.attempts == 4);
  CHECK(found.log == job.log);
  CHECK(found.log_size == 1 << 20);
  CHECK(found.outcome.wait_status == 256);
  CHECK(found.outcome.cause == "exit status 1");
  CHECK(found.outcome.started_ns == 10);
  CHECK(found.outcome.finished_ns == 20);
  CHECK(found.outcome.cpu_us == 30);
  CHECK(found.outcome.maxrss_kb == 40);
  std::string text;
  REQUIRE(store.read_text(job.ino, text) == 0);
  CHECK(text == std::string("t\0xt", 4));
  CHECK(store.get(job.ino + 100, found) == ENOENT);
  CHECK(store.find("other", found) == ENOENT);
  CHECK(store.read_text(job.ino + 100, text) == ENOENT);
}

TEST_CASE("counts follow every change, and are there at once after a start") {
  TempDir dir;
  {
    Store store(dir.file("db"));
    Job a = add(store, "a");
    add(store, ".draft");
    Job failed = add(store, "f", Dir::kFailed);
    add(store, "c", Dir::kComplete);
    CHECK(store.counts().of(Dir::kPending) == 2);
    CHECK(store.counts().ready == 1);
    CHECK(store.counts().total() == 4);
    REQUIRE(store.commit() == 0);
    Job active = a;
    active.dir = Dir::kActive;
    REQUIRE(store.update(a, active) == 0);
    REQUIRE(store.remove(failed) == 0);
    CHECK(store.counts().ready == 0);
    store.rollback();
    CHECK(store.counts().ready == 1);
    CHECK(store.counts().of(Dir::kFailed) == 1);
    REQUIRE(store.update(a, active) == 0);
    Job empty = active;
    empty.dir = Dir::kPending;
    empty.text_size = 0;
    REQUIRE(store.set_text(active, empty, "") == 0);
    REQUIRE(store.commit() == 0);
  }
  Store store(dir.file("db"));
  CHECK(store.counts().of(Dir::kPending) == 2);
  CHECK(store.counts().of(Dir::kActive) == 0);
  CHECK(store.counts().of(Dir::kFailed) == 1);
  CHECK(store.counts().of(Dir::kComplete) == 1);
  CHECK(store.counts().ready == 0);
}

TEST_CASE("a number is never given twice, whether filed stops or crashes") {
  TempDir dir;
  std::string name = "db";
  std::set<int64_t> given;
  for (int life = 0; life < 6; ++life) {
    Store store(dir.file(name));
    for (int i = 0; i < 700; ++i) {
      int64_t number = store.next_sequence_number();
      INFO("life " << life << ", number " << number);
      CHECK(given.insert(number).second);
      REQUIRE(store.reserve_sequence_numbers() == 0);
      if (i % 50 == 0) REQUIRE(store.commit() == 0);
    }
    REQUIRE(store.commit() == 0);
    if (life % 3 == 0) {
      int64_t next = store.next_sequence_number();
      REQUIRE(store.close() == 0);
      // An orderly stop gives unused numbers back.
      CHECK(next < *given.rbegin() + 3);
      given.insert(next);
    } else {
      copy_of(dir, name);  // taken while it is open: the next life is that of a crash
      name = "copy-of-" + name;
    }
  }
}

TEST_CASE("a number is reserved again if its reservation was not committed") {
  TempDir dir;
  std::set<int64_t> given;
  {
    Store store(dir.file("db"));
    store.next_sequence_number();
    REQUIRE(store.reserve_sequence_numbers() == 0);
    store.rollback();
    given.insert(store.next_sequence_number());
    REQUIRE(store.reserve_sequence_numbers() == 0);
    CHECK(store.changed());
    REQUIRE(store.commit() == 0);
  }
  Store store(dir.file("db"));
  CHECK(given.count(store.next_sequence_number()) == 0);
}

TEST_CASE("logs are kept in chunks that can be read from anywhere") {
  TempDir dir;
  Store store(dir.file("db"));
  std::string whole(Store::kChunkSize, 'a');
  REQUIRE(store.put_chunk(7, 0, whole) == 0);
  REQUIRE(store.put_chunk(7, 1, "bcdef") == 0);
  REQUIRE(store.put_chunk(8, 0, "other") == 0);
  int64_t size = 0;
  CHECK(store.log_size(7, size) == 0);
  CHECK(size == Store::kChunkSize + 5);
  CHECK(store.log_size(6, size) == 0);
  CHECK(size == 0);
  std::string bytes;
  CHECK(store.read_chunk(7, 1, 1, 3, bytes) == 0);
  CHECK(bytes == "cde");
  CHECK(store.read_chunk(7, 1, 4, 100, bytes) == 0);
  CHECK(bytes == "f");
  CHECK(store.read_chunk(7, 1, 5, 100, bytes) == 0);
  CHECK(bytes.empty());
  CHECK(store.read_chunk(7, 2, 0, 100, bytes) == 0);
  CHECK(bytes.empty());
  REQUIRE(store.put_chunk(7, 1, "longer than before") == 0);
  CHECK(store.log_size(7, size) == 0);
  CHECK(size == Store::kChunkSize + 18);
  REQUIRE(store.remove_log(7) == 0);
  CHECK(store.log_size(7, size) == 0);
  CHECK(size == 0);
  CHECK(store.log_size(8, size) == 0);
  CHECK(size == 5);
}

TEST_CASE("a discarded log is removed at the next start, and no other") {
  TempDir dir;
  {
    Store store(dir.file("db"));
    for (int64_t log : {6, 7, 8}) {
      for (int64_t chunk : {0, 1}) REQUIRE(store.put_chunk(log, chunk, "x") == 0);
    }
    REQUIRE(store.defer_log_removal(7) == 0);
    REQUIRE(store.commit() == 0);
    int64_t size = 0;
    CHECK(store.log_size(7, size) == 0);
    CHECK(size > 0);
  }
  { Store store(dir.file("db")); }
  Sql sql(dir.file("db"));
  CHECK(sql("SELECT group_concat(key >> 23) FROM log WHERE key > 0") == "6,6,8,8\n");
  CHECK(sql("SELECT count(*) FROM discarded") == "0\n");
}

TEST_CASE("a discarded log that was removed leaves nothing to do for the next start") {
  TempDir dir;
  {
    Store store(dir.file("db"));
    for (int64_t log : {6, 7}) REQUIRE(store.put_chunk(log, 0, "x") == 0);
    for (int64_t log : {6, 7}) REQUIRE(store.defer_log_removal(log) == 0);
    REQUIRE(store.commit() == 0);
    REQUIRE(store.remove_deferred_log(6) == 0);
    REQUIRE(store.commit() == 0);
  }
  Sql sql(dir.file("db"));
  CHECK(sql("SELECT group_concat(key >> 23) FROM log WHERE key > 0") == "7\n");
  CHECK(sql("SELECT group_concat(log) FROM discarded") == "7\n");
}

TEST_CASE("a directory is listed in the order of its jobs' numbers, from any of them on") {
  TempDir dir;
  Store store(dir.file("db"));
  std::vector<int64_t> numbers;
  for (int i = 0; i < 10; ++i) {
    numbers.push_back(add(store, "z" + std::to_string(9 - i)).ino);
    add(store, "other" + std::to_string(i), Dir::kFailed);
  }
  auto list = [&](int64_t after, size_t most) {
    std::vector<int64_t> listed;
    CHECK(store.list(Dir::kPending, after, [&](const Job& job) {
      listed.push_back(job.ino);
      return listed.size() < most;
    }) == 0);
    return listed;
  };
  CHECK(list(0, 100) == numbers);
  CHECK(list(0, 3) == std::vector<int64_t>(numbers.begin(), numbers.begin() + 3));
  CHECK(list(numbers[6], 100) == std::vector<int64_t>(numbers.begin() + 7, numbers.end()));
  CHECK(list(numbers[9], 100).empty());
}

TEST_CASE("an owner's jobs fall due by due time, then in the order of submission") {
  TempDir dir;
  Store store(dir.file("db"));
  add(store, "b", Dir::kPending, 20);
  add(store, "c", Dir::kPending, 20);
  add(store, "later", Dir::kPending, 31);
  add(store, "a", Dir::kPending, -5);
  add(store, ".draft", Dir::kPending, 1);
  add(store, "failed", Dir::kFailed, 1);
  Job other = job_of(store, "another owner's", Dir::kPending, 1);
  other.uid = 7;
  REQUIRE(store.insert(other, "text") == 0);
  std::string due;
  REQUIRE(store.claimable(1000, [&](const Job& job, std::string_view text) {
    due += job.id;
    CHECK(text == "text");
    return true;
  }) == 0);
  CHECK(due == "abclater");
  std::vector<uid_t> owners;
  REQUIRE(store.claimable_owners(owners) == 0);
  CHECK(owners == std::vector<uid_t>{7, 1000});
  std::optional<Job> oldest;
  CHECK(store.oldest(Dir::kFailed, oldest) == 0);
  REQUIRE(oldest);
  CHECK(oldest->id == "failed");
  CHECK(oldest->mtime_ns == 1);
  CHECK(store.oldest(Dir::kComplete, oldest) == 0);
  CHECK_FALSE(oldest);
}

TEST_CASE("the places of an owner's jobs are read in pieces, also among jobs of one time") {
  TempDir dir;
  Store store(dir.file("db"));
  std::vector<DueKey> all;
  for (int64_t time : {1, 5, 5, 5, 5, 5, 9}) {
    all.push_back({time, add(store, "j" + std::to_string(all.size()), Dir::kPending, time).ino});
  }
  for (size_t piece : {1, 2, 3, 100}) {
    std::vector<DueKey> read;
    std::vector<DueKey> keys;
    DueKey last{INT64_MIN, INT64_MIN};
    do {
      REQUIRE(store.claimable_keys(1000, last, piece, keys) == 0);
      CHECK(keys.size() <= piece);
      read.insert(read.end(), keys.begin(), keys.end());
      if (!keys.empty()) last = keys.back();
    } while (!keys.empty());
    CHECK(read == all);
  }
}

TEST_CASE("a parked job is not among those to claim, until it is unparked or at a start") {
  TempDir dir;
  {
    Store store(dir.file("db"));
    for (const char* id : {"a", "b", "draft later"}) {
      Job before = add(store, id);
      Job parked = before;
      parked.parked = true;
      REQUIRE(store.update(before, parked) == 0);
    }
    REQUIRE(store.commit() == 0);
    Job job;
    REQUIRE(store.find("a", job) == 0);
    CHECK(job.parked);
    CHECK(store.counts().ready == 3);
    std::vector<uid_t> owners;
    REQUIRE(store.claimable_owners(owners) == 0);
    CHECK(owners.empty());
    Job unparked = job;
    unparked.parked = false;
    REQUIRE(store.update(job, unparked) == 0);
    Job named;
    REQUIRE(store.find("draft later", named) == 0);
    Job draft = named;
    draft.id = ".draft";
    REQUIRE(store.update(named, draft) == 0);
    REQUIRE(store.commit() == 0);
    REQUIRE(store.claimable_owners(owners) == 0);
    CHECK(owners.size() == 1);
  }
  Store store(dir.file("db"));
  std::string due;
  REQUIRE(store.claimable(1000, [&](const Job& job, std::string_view) {
    CHECK_FALSE(job.parked);
    due += job.id;
    return true;
  }) == 0);
  CHECK(due == "ab");
}

TEST_CASE("what a transaction puts among the jobs to claim is told, unless it is rolled back") {
  TempDir dir;
  Store store(dir.file("db"));
  Job job = add(store, "a", Dir::kPending, 5);
  auto changes = store.take_claimable_changes();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].uid == 1000);
  CHECK(changes[0].key == DueKey{5, job.ino});
  CHECK(changes[0].by == 1);
  CHECK(store.take_claimable_changes().empty());
  REQUIRE(store.commit() == 0);
  Job active = job;
  active.dir = Dir::kActive;
  REQUIRE(store.update(job, active) == 0);
  store.rollback();
  CHECK(store.take_claimable_changes().empty());
  REQUIRE(store.update(job, active) == 0);
  changes = store.take_claimable_changes();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].by == -1);
}

TEST_CASE("settings and directories' rights survive a restart, whole or not at all") {
  TempDir dir;
  {
    Store store(dir.file("db"));
    REQUIRE(store.save_settings({{"a", "1"}, {"b", "2"}}) == 0);
    REQUIRE(store.save_directory("pending", {0770, 5, 6}) == 0);
    REQUIRE(store.commit() == 0);
    REQUIRE(store.save_settings({{"b", "3"}}) == 0);
    REQUIRE(store.save_directory("pending", {01777, 7, 8}) == 0);
    REQUIRE(store.save_directory("", {0700, 1, 2}) == 0);
    if (GENERATE(true, false)) {
      store.rollback();
      CHECK(store.load_settings().size() == 2);
      CHECK(store.load_directories().size() == 1);
      return;
    }
    REQUIRE(store.commit() == 0);
  }
  Store store(dir.file("db"));
  CHECK(store.load_settings() == std::map<std::string, std::string>{{"b", "3"}});
  auto directories = store.load_directories();
  CHECK(directories.size() == 2);
  CHECK(directories["pending"].mode == 01777);
  CHECK(directories["pending"].uid == 7);
  CHECK(directories[""].gid == 2);
}

TEST_CASE("a full state file fails the whole transaction, and works again when there is room") {
  QuietLog quiet;
  TempDir dir;
  // SQLite's limit of pages stands for a full disk. The pragma is valid for one connection, so it is
  // given as a step of the schema.
  int version = 0;
  {
    Store store(dir.file("db"));
    REQUIRE(store.close() == 0);
  }
  version = std::stoi(Sql(dir.file("db"))("PRAGMA user_version"));
  std::vector<const char*> schema(static_cast<size_t>(version), "");
  schema.push_back("PRAGMA max_page_count = 60");
  Store store(dir.file("db"), schema);
  add(store, "kept");
  REQUIRE(store.commit() == 0);
  add(store, "gone");
  std::string chunk(Store::kChunkSize, 'x');
  int error = 0;
  for (int i = 0; i < 10 && error == 0; ++i) error = store.put_chunk(7, i, chunk);
  CHECK(error == ENOSPC);
  CHECK(store.failed() == ENOSPC);
  CHECK(store.put_chunk(8, 0, "x") == ENOSPC);
  Job job;
  CHECK(store.remove(job_of(store, "kept")) == ENOSPC);
  CHECK(store.commit() == ENOSPC);
  CHECK(store.failed() == 0);
  CHECK(has(store, "kept"));
  CHECK_FALSE(has(store, "gone"));
  CHECK(store.counts().of(Dir::kPending) == 1);
  int64_t size = 1;
  CHECK(store.log_size(7, size) == 0);
  CHECK(size == 0);
  add(store, "works again");
  CHECK(store.commit() == 0);
  CHECK(store.counts().of(Dir::kPending) == 2);
}

// The number of steps of SQLite's virtual machine that `action` takes.
template <typename Action>
int64_t steps(Action action) {
  static int64_t counted;
  static constexpr int kEvery = 10;
  int rc = sqlite3_auto_extension(
      reinterpret_cast<void (*)()>(+[](sqlite3* db, char**, const struct sqlite3_api_routines*) {
        sqlite3_progress_handler(
            db, kEvery,
            [](void*) {
              ++counted;
              return 0;
            },
            nullptr);
        return SQLITE_OK;
      }));
  REQUIRE(rc == SQLITE_OK);
  counted = 0;
  action();
  sqlite3_reset_auto_extension();
  return counted * kEvery;
}

TEST_CASE("neither a start nor a claim, a look or a count reads the backlog") {
  TempDir dir;
  auto fill = [&](const std::string& name, int jobs) {
    Store store(dir.file(name));
    for (int i = 0; i < jobs; ++i) {
      add(store, "p" + std::to_string(i), Dir::kPending, i);
      add(store, "f" + std::to_string(i), Dir::kFailed, i);
      add(store, "c" + std::to_string(i), Dir::kComplete, i);
    }
    REQUIRE(store.commit() == 0);
    REQUIRE(store.close() == 0);
  };
  fill("small", 10);
  fill("large", 5000);
  auto work = [&](const std::string& name) {
    return steps([&] {
      Store store(dir.file(name));
      Job job;
      auto first = [](const Job&) { return false; };
      CHECK(store.find("p5", job) == 0);
      CHECK(store.get(job.ino, job) == 0);
      CHECK(store.list(Dir::kComplete, 1000, first) == 0);
      CHECK(store.list(Dir::kActive, 0, first) == 0);
      CHECK(store.claimable(1000, [](const Job&, std::string_view) { return false; }) == 0);
      std::vector<DueKey> keys;
      CHECK(store.claimable_keys(1000, {5, 0}, 2, keys) == 0);
      CHECK(keys.size() == 2);
      std::vector<uid_t> owners;
      CHECK(store.claimable_owners(owners) == 0);
      std::optional<Job> oldest;
      CHECK(store.oldest(Dir::kFailed, oldest) == 0);
      CHECK(oldest);
      Job after = job;
      after.dir = Dir::kActive;
      CHECK(store.update(job, after) == 0);
      CHECK(store.remove(after) == 0);
      add(store, "new");
      CHECK(store.commit() == 0);
      CHECK(store.close() == 0);
    });
  };
  int64_t small = work("small");
  int64_t large = work("large");
  INFO(small << " steps with 30 jobs, " << large << " with 15000");
  CHECK(small > 100);
  CHECK(large < small + 200);
}
