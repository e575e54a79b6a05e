#include "backup.h"

#include <sys/stat.h>

#include <filesystem>

#include "quiet_log.h"
#include "store_rig.h"

using namespace filed;

namespace {

class BackupRig {
 public:
  QuietLog quiet;
  TempDir dir;
  std::string path = dir.file("db");
  std::string to = dir.file("copy");

  // The number of jobs in the copy.
  size_t jobs() {
    Store copy(to);
    size_t count = 0;
    copy.list(Dir::kPending, 0, [&](const Job&) {
      ++count;
      return true;
    });
    return count;
  }
  std::string refusal() {
    try {
      back_up(path, to);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  // Files in the directory.
  long files() const {
    return std::distance(std::filesystem::directory_iterator(dir.file("")), {});
  }
};

}  // namespace

TEST_CASE_METHOD(BackupRig,
                 "a backup has all that is stored, of an open state and of a closed one") {
  std::optional<Store> store(path);
  for (int i = 0; i < 300; ++i) add(*store, "job" + std::to_string(i));
  REQUIRE(store->commit() == 0);
  SECTION("open") {}
  SECTION("open, and moved into the file") {
    while (store->tidy(true)) continue;
  }
  SECTION("open, with a transaction that is not committed") { add(*store, "not yet"); }
  SECTION("closed") {
    REQUIRE(store->close() == 0);
    store.reset();
  }
  SECTION("left without a close") { store.reset(); }
  back_up(path, to);
  struct stat st {};
  REQUIRE(stat(to.c_str(), &st) == 0);
  CHECK((st.st_mode & 07777) == 0600);
  CHECK(jobs() == 300);
}

TEST_CASE_METHOD(BackupRig, "a backup replaces an older one, and leaves nothing else") {
  Store store(path);
  add(store, "job");
  REQUIRE(store.commit() == 0);
  dir.write("copy", "older");
  long before = files();
  back_up(path, to);
  CHECK(files() == before);
  CHECK(jobs() == 1);
}

TEST_CASE_METHOD(BackupRig, "what is no state, or damaged, is refused, and the older copy stays") {
  dir.write("copy", "older");
  SECTION("missing") { CHECK(refusal().find("No such file") != std::string::npos); }
  SECTION("a text") {
    dir.write("db", std::string(5000, 'x'));
    CHECK(refusal().find("not a database") != std::string::npos);
  }
  SECTION("damaged") {
    {
      Store store(path);
      for (int i = 0; i < 500; ++i) add(store, "job" + std::to_string(i));
      REQUIRE(store.commit() == 0);
      REQUIRE(store.close() == 0);
    }
    std::string bytes = content(path);
    for (size_t at = 5 * 4096; at < 8 * 4096; ++at) bytes[at] = '\x5a';
    dir.write("db", bytes);
    CHECK_FALSE(refusal().empty());
  }
  SECTION("the state itself") {
    { Store store(path); }
    to = path;
    CHECK(refusal().find("state file itself") != std::string::npos);
    return;
  }
  CHECK(content(to) == "older");
}
