#include "queue/state_file.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "quiet_log.h"
#include "store_rig.h"

using namespace filed;

namespace {

// Why the file is refused, or "opened".
std::string refusal(const std::string& path) {
  try {
    StateFile file(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "opened";
}

}  // namespace

TEST_CASE("a new state file is made, for its owner alone") {
  TempDir dir;
  StateFile file(dir.file("db"));
  struct stat st;
  REQUIRE(stat(dir.file("db").c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0600);
  CHECK(file.number("SELECT in_use FROM state") == 0);
  CHECK(file.number("SELECT count(*) FROM jobs") == 0);
}

TEST_CASE("a file is in use from a start to an orderly stop") {
  TempDir dir;
  Store store(dir.file("db"));
  add(store, "a");
  REQUIRE(store.commit() == 0);
  add(store, "not committed");
  std::string copy = copy_of(dir, "db");
  auto in_use = [&] { return StateFile(copy).number("SELECT in_use FROM state"); };
  CHECK(in_use() == 1);
  {
    Store after(copy);
    CHECK(has(after, "a"));
    CHECK_FALSE(has(after, "not committed"));
    CHECK(after.close() == 0);
  }
  CHECK(in_use() == 0);
  Store again(copy);
  CHECK(has(again, "a"));
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
