#include "queue/store.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <set>

#include "base/error.h"
#include "catch.h"
#include "quiet_log.h"
#include "temp_dir.h"

using namespace filed;

namespace {

Job job_of(Store& store, const std::string& id, Dir dir = Dir::kPending, int64_t mtime = 5) {
  Job job;
  job.ino = store.next_sequence_number();
  job.id = id;
  job.dir = dir;
  job.mode = 0640;
  job.uid = 1000;
  job.gid = 100;
  job.text_size = 4;
  job.mtime_ns = mtime;
  job.atime_ns = job.ctime_ns = job.submitted_ns = 3;
  return job;
}

Job add(Store& store, const std::string& id, Dir dir = Dir::kPending, int64_t mtime = 5) {
  Job job = job_of(store, id, dir, mtime);
  REQUIRE(store.insert(job, "text") == 0);
  return job;
}

std::string refusal(const std::string& path) {
  try {
    Store store(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "opened";
}

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What a crash leaves: the files as they are while the store is still open.
std::string copy_of(const TempDir& dir, const std::string& name) {
  std::string copy = dir.file("copy-of-" + name);
  for (const char* suffix : {"", "-wal"}) {
    std::error_code error;
    std::filesystem::copy_file(dir.file(name) + suffix, copy + suffix,
                               std::filesystem::copy_options::overwrite_existing, error);
  }
  return copy;
}

// A connection of the test's own.
class Sql {
 public:
  explicit Sql(const std::string& path) { REQUIRE(sqlite3_open(path.c_str(), &db_) == SQLITE_OK); }
  ~Sql() { sqlite3_close(db_); }
  std::string operator()(const std::string& sql) {
    std::string result;
    char* error = nullptr;
    sqlite3_exec(
        db_, sql.c_str(),
        [](void* to, int columns, char** values, char**) {
          for (int i = 0; i < columns; ++i) {
            *static_cast<std::string*>(to) += values[i] == nullptr ? "NULL" : values[i];
          }
          *static_cast<std::string*>(to) += '\n';
          return 0;
        },
        &result, &error);
    INFO(sql << ": " << (error ? error : ""));
    REQUIRE(error == nullptr);
    return result;
  }

 private:
  sqlite3* db_ = nullptr;
};

}  // namespace

TEST_CASE("a new state file is made, for its owner alone") {
  TempDir dir;
  Store store(dir.file("db"));
  struct stat st;
  REQUIRE(stat(dir.file("db").c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0600);
  CHECK_FALSE(store.was_interrupted());
  CHECK(store.counts() == Counts{});
}

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
      // An orderly stop gives back what was reserved and not used.
      CHECK(next < *given.rbegin() + 3);
      given.insert(next);
    } else {
      copy_of(dir, name);  // taken while it is open: the next life is that of a crash
      name = "copy-of-" + name;
    }
  }
}

TEST_CASE("a number whose reservation was not committed is reserved again") {
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

TEST_CASE("a start after a crash knows it, one after a stop does not") {
  TempDir dir;
  Store store(dir.file("db"));
  add(store, "a");
  REQUIRE(store.commit() == 0);
  add(store, "not committed");
  std::string copy = copy_of(dir, "db");
  {
    Store after(copy);
    CHECK(after.was_interrupted());
    CHECK(after.has_id("a"));
    CHECK_FALSE(after.has_id("not committed"));
    CHECK(after.close() == 0);
  }
  Store again(copy);
  CHECK_FALSE(again.was_interrupted());
  CHECK(again.has_id("a"));
}

TEST_CASE("a second filed on the same state file is refused, and harms nothing") {
  TempDir dir;
  std::string path = dir.file("db");
  Store store(path);
  add(store, "a");
  REQUIRE(store.commit() == 0);
  for (int i = 0; i < 2; ++i) {
    pid_t pid = fork();  // POSIX locks are between processes
    REQUIRE(pid >= 0);
    if (pid == 0) _exit(refusal(path) == path + ": in use by another filed" ? 0 : 1);
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
  }
  CHECK(refusal(path) == path + ": in use by another filed");
  add(store, "b");
  CHECK(store.commit() == 0);
  CHECK(Store(copy_of(dir, "db")).counts().of(Dir::kPending) == 2);
}

TEST_CASE("a state file of a newer filed is refused and left as it was") {
  TempDir dir;
  { Store store(dir.file("db")); }
  Sql(dir.file("db"))("PRAGMA user_version = 99");
  std::string before = content(dir.file("db"));
  CHECK(refusal(dir.file("db")).find(": written by a newer filed (schema 99, this one knows ") !=
        std::string::npos);
  CHECK((content(dir.file("db")) == before));
}

TEST_CASE("an older state file is brought up to date and keeps what it has") {
  TempDir dir;
  {
    Store store(dir.file("db"));
    add(store, "a");
    REQUIRE(store.put_chunk(5, 0, "log") == 0);
    REQUIRE(store.commit() == 0);
  }
  int version = std::stoi(Sql(dir.file("db"))("PRAGMA user_version"));
  std::vector<const char*> schema(static_cast<size_t>(version), "not to be run again");
  schema.push_back("ALTER TABLE jobs ADD COLUMN mood TEXT DEFAULT 'good'");
  schema.push_back("CREATE TABLE extra(x); INSERT INTO extra VALUES(42)");
  QuietLog quiet;
  {
    Store store(dir.file("db"), schema);
    Job job;
    CHECK(store.find("a", job) == 0);
    std::string bytes;
    REQUIRE(store.read_chunk(5, 0, 0, 100, bytes) == 0);
    CHECK(bytes == "log");
    add(store, "b");
    REQUIRE(store.commit() == 0);
  }
  {
    Sql sql(dir.file("db"));
    CHECK(sql("PRAGMA user_version") == std::to_string(version + 2) + "\n");
    CHECK(sql("SELECT mood FROM jobs") == "good\ngood\n");
    CHECK(sql("SELECT x FROM extra") == "42\n");
  }
  // And now it is too new for this filed.
  CHECK(refusal(dir.file("db")).find("written by a newer filed") != std::string::npos);
}

TEST_CASE("a step to a newer schema that fails leaves the old one") {
  TempDir dir;
  { Store store(dir.file("db")); }
  Sql(dir.file("db"))("PRAGMA wal_checkpoint(TRUNCATE)");
  int version = std::stoi(Sql(dir.file("db"))("PRAGMA user_version"));
  std::vector<const char*> schema(static_cast<size_t>(version), "");
  schema.push_back("CREATE TABLE extra(x)");
  schema.push_back("CREATE NONSENSE");
  CHECK_THROWS_AS(Store(dir.file("db"), schema), Error);
  CHECK(Sql(dir.file("db"))("PRAGMA user_version") == std::to_string(version) + "\n");
  CHECK(Sql(dir.file("db"))("SELECT count(*) FROM sqlite_master WHERE name = 'extra'") == "0\n");
  CHECK(refusal(dir.file("db")) == "opened");
}

TEST_CASE("a file that is not filed's is refused and left as it was") {
  TempDir dir;
  std::string path = dir.file("x");
  std::string why = path + ": not a filed state file";
  SECTION("a text") { dir.write("x", "these are not the jobs you are looking for\n"); }
  SECTION("a long text") { dir.write("x", std::string(10'000, 'x')); }
  SECTION("an SQLite database of somebody else") {
    Sql{path}("CREATE TABLE t(a); INSERT INTO t VALUES(1)");
  }
  SECTION("one that has the version of ours") {
    Sql{path}("CREATE TABLE t(a); PRAGMA user_version = 1; PRAGMA application_id = 7");
  }
  std::string before = content(path);
  CHECK(refusal(path) == why);
  CHECK((content(path) == before));
  CHECK_FALSE(std::filesystem::exists(path + "-wal"));
}

TEST_CASE("a damaged state file is refused, with what to do, and left as it was") {
  QuietLog quiet;
  TempDir dir;
  {
    Store store(dir.file("db"));
    for (int i = 0; i < 500; ++i) add(store, "job" + std::to_string(i));
    REQUIRE(store.commit() == 0);
  }  // without close(): the next start looks
  std::string bytes = content(dir.file("db"));
  for (size_t at = 5 * 4096; at < 8 * 4096; ++at) bytes[at] = '\x5a';
  dir.write("db", bytes);
  std::string why = refusal(dir.file("db"));
  INFO(why);
  CHECK(why.find(": damaged (") != std::string::npos);
  CHECK(why.find("move it away, or save what can be saved") != std::string::npos);
  CHECK((content(dir.file("db")) == bytes));
}

TEST_CASE("a state file that is a directory, unwritable or nowhere is refused") {
  TempDir dir;
  CHECK(refusal(dir.path()) == dir.path() + ": Is a directory");
  CHECK(refusal(dir.file("no/such/db")) == dir.file("no/such/db") + ": No such file or directory");
  CHECK(refusal("/dev/null") == "/dev/null: not a regular file");

  dir.write("db", "");
  chmod(dir.file("db").c_str(), 0444);
  chmod(dir.path().c_str(), 0755);
  pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    if (geteuid() == 0 && setuid(65534) != 0) _exit(2);
    std::string path = dir.file("db");
    _exit(refusal(path) == path + ": Permission denied" ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
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
  CHECK(sql("SELECT group_concat(key >> 23) FROM log") == "6,6,8,8\n");
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
  CHECK(sql("SELECT group_concat(key >> 23) FROM log") == "7\n");
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

TEST_CASE("jobs fall due by due time, then in the order of submission") {
  TempDir dir;
  Store store(dir.file("db"));
  add(store, "b", Dir::kPending, 20);
  add(store, "c", Dir::kPending, 20);
  add(store, "later", Dir::kPending, 31);
  add(store, "a", Dir::kPending, -5);
  add(store, ".draft", Dir::kPending, 1);
  add(store, "failed", Dir::kFailed, 1);
  std::string due;
  REQUIRE(store.due(30, [&](const Job& job, std::string_view text) {
    due += job.id;
    CHECK(text == "text");
    return true;
  }) == 0);
  CHECK(due == "abc");
  CHECK(store.next_due(30) == 31);
  CHECK(store.next_due(19) == 20);
  CHECK_FALSE(store.next_due(31));
  CHECK(store.count_waiting(30) == 1);
  Job oldest;
  CHECK(store.oldest(Dir::kFailed, &oldest) == 1);
  CHECK(oldest.id == "failed");
  CHECK_FALSE(store.oldest(Dir::kComplete));
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
  // SQLite's own limit stands for the disk's: the pragma is of the connection, so it goes in as a
  // step of the schema.
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
  CHECK(store.has_id("kept"));
  CHECK_FALSE(store.has_id("gone"));
  CHECK(store.counts().of(Dir::kPending) == 1);
  int64_t size = 1;
  CHECK(store.log_size(7, size) == 0);
  CHECK(size == 0);
  add(store, "works again");
  CHECK(store.commit() == 0);
  CHECK(store.counts().of(Dir::kPending) == 2);
}

// How much work SQLite does for `action`, in steps of its machine.
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
      CHECK(store.due(1'000'000, [](const Job&, std::string_view) { return false; }) == 0);
      CHECK(store.next_due(5) == 6);
      CHECK_FALSE(store.next_due(1'000'000));
      CHECK(store.oldest(Dir::kFailed) == 0);
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
