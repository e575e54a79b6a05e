#include "queue/store_space.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "queue/state_file.h"
#include "queue/wal_lock.h"
#include "quiet_log.h"
#include "store_rig.h"

using namespace filed;

namespace {

class SpaceRig {
 public:
  TempDir dir;
  StateFile file{dir.file("db")};
  StoreSpace space{file};

  SpaceRig() {
    while (space.tidy(true)) continue;
  }

  void add_chunks(int chunks) {
    file.exec("BEGIN");
    for (int i = 0; i < chunks; ++i) file.exec("INSERT INTO log(bytes) VALUES(zeroblob(65536))");
    file.exec("COMMIT");
  }
  void remove_chunks() {
    file.exec("DELETE FROM log");
    space.note_removal();
  }
  int64_t size() const { return static_cast<int64_t>(std::filesystem::file_size(file.path())); }
  int64_t free_pages() const { return file.number("PRAGMA freelist_count"); }
};

constexpr int64_t kMiB = 1 << 20;

}  // namespace

TEST_CASE_METHOD(SpaceRig,
                 "a long write-ahead log moves into the file when nothing else is to do") {
  add_chunks(80);  // 5 MiB, more than 1000 pages
  int64_t before = size();
  CHECK(space.tidy(false));
  CHECK(size() == before);
  space.tidy(true);
  CHECK(size() > before + 4 * kMiB);
  CHECK_FALSE(space.tidy(true));
}

TEST_CASE_METHOD(SpaceRig,
                 "a very long write-ahead log moves into the file although there is work") {
  add_chunks(300);  // 19 MiB, more than 4000 pages
  int64_t before = size();
  space.tidy(false);
  CHECK(size() > before + 16 * kMiB);
}

TEST_CASE_METHOD(SpaceRig, "free pages go back in steps, but for those that the next jobs need") {
  add_chunks(100);
  space.tidy(true);
  int64_t full = size();
  remove_chunks();
  int64_t free_before = free_pages();
  REQUIRE(free_before > 1000);
  CHECK(space.tidy(false));
  CHECK(free_pages() == free_before);
  int steps = 0;
  while (space.tidy(true)) {
    ++steps;
    REQUIRE(steps < 100);
  }
  CHECK(steps > 3);
  CHECK(free_pages() > 0);
  CHECK(free_pages() <= 256);
  CHECK(size() < full - 4 * kMiB);
}

// Files cannot become larger than `bytes`, as if the disk were full.
class SizeLimit {
 public:
  explicit SizeLimit(int64_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit{static_cast<rlim_t>(bytes), before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
  SizeLimit(const SizeLimit&) = delete;
  SizeLimit& operator=(const SizeLimit&) = delete;

 private:
  rlimit before_{};
};

class FullRig : public SpaceRig {
 public:
  using Use = StoreSpace::Use;
  QuietLog quiet;

  FullRig() {
    REQUIRE(change([this] {
              space.make_reserves();
              return 0;
            }) == 0);
    REQUIRE(reserves() == 2);
  }

  int change(const std::function<int()>& what) {
    space.begin();
    file.exec("BEGIN IMMEDIATE");
    int error = what();
    file.exec("COMMIT");
    space.note_commit();
    return error;
  }
  int add(int64_t bytes, Use use) {
    return change([&] {
      if (int error = space.make_room(bytes, use)) return error;
      file.exec("INSERT INTO log(bytes) VALUES(zeroblob(" + std::to_string(bytes) + "))");
      return 0;
    });
  }
  // As many additions of this size as the disk takes.
  int fill(int64_t bytes, Use use) {
    int added = 0;
    while (add(bytes, use) == 0) ++added;
    return added;
  }
  int64_t reserves() const { return file.number("SELECT count(*) FROM log WHERE key < 0"); }
  int64_t larger_file() {
    file.data().look();
    file.wal().look();
    return std::max(file.data().size(), file.wal().size());
  }
};

TEST_CASE_METHOD(FullRig, "what the disk cannot take is refused, and what fits is not") {
  CHECK(add(1000, Use::kOfUser) == 0);
  CHECK_FALSE(space.is_tight());
  SizeLimit limit(larger_file() + kMiB);
  CHECK(add(4 * kMiB, Use::kOfUser) == EFBIG);
  CHECK(space.is_tight());
  CHECK(reserves() == 2);
  CHECK(add(1000, Use::kOfUser) == 0);
}

TEST_CASE_METHOD(FullRig, "root may use one reserve of a full disk, and ends both") {
  SizeLimit limit(larger_file() + kMiB);
  CHECK(fill(10'000, Use::kOfUser) > 10);
  CHECK(reserves() == 2);
  CHECK(fill(10'000, Use::kOfRoot) > 3);
  CHECK(reserves() == 1);
  CHECK(add(10'000, Use::kOfUser) != 0);
  CHECK(fill(10'000, Use::kOfEnd) > 3);
  CHECK(reserves() == 0);
  CHECK(add(10'000, Use::kOfRoot) != 0);

  int64_t size = larger_file();
  for (int i = 0; i < 200; ++i) {
    CHECK(change([&] {
            space.note_change();
            file.exec("DELETE FROM log WHERE key = (SELECT max(key) FROM log)");
            return 0;
          }) == 0);
  }
  CHECK(larger_file() <= size);
  CHECK(add(10'000, Use::kOfUser) == 0);
  CHECK(reserves() == 2);
}

TEST_CASE_METHOD(FullRig, "a full disk takes any number of small changes") {
  for (int i = 0; i < 500; ++i) REQUIRE(add(100, Use::kOfUser) == 0);
  int64_t size = larger_file();
  SizeLimit limit(size);
  int done = 0;
  for (int i = 0; i < 2000; ++i) {
    done += change([&] {
              space.note_change();
              file.exec("UPDATE log SET bytes = zeroblob(90) WHERE key % 10 = " +
                        std::to_string(i % 10));
              return 0;
            }) == 0;
  }
  CHECK(done == 2000);
  CHECK(larger_file() == size);
}

TEST_CASE_METHOD(FullRig, "an orderly stop leaves an empty log of the reserved size") {
  add_chunks(100);
  REQUIRE(space.close() == 0);
  CHECK(content(file.path() + "-wal").substr(0, 32) == std::string(32, '\0'));
  CHECK(std::filesystem::file_size(file.path() + "-wal") ==
        static_cast<size_t>(space.wal_reserve()));
}

TEST_CASE_METHOD(FullRig, "while a backup copies, the log stays where it is") {
  space.tidy(true);
  {
    Fd backup(open((file.path() + "-wal").c_str(), O_RDONLY | O_CLOEXEC));
    lock_wal_to_copy(backup.get());
    int64_t before = size();
    add_chunks(300);
    std::string header = content(file.path() + "-wal").substr(0, 32);
    CHECK_FALSE(space.tidy(true));
    CHECK(size() == before);
    add_chunks(1);
    CHECK(content(file.path() + "-wal").substr(0, 32) == header);
    SizeLimit limit(larger_file() + 8 * kMiB);
    CHECK(add(30 * kMiB, Use::kOfUser) != 0);
    CHECK(add(1000, Use::kOfEnd) == 0);
    CHECK(size() > before + 16 * kMiB);  // rather than refuse a removal
  }
  int64_t before = size();
  add_chunks(300);
  space.tidy(true);
  CHECK(size() > before + 16 * kMiB);
}
