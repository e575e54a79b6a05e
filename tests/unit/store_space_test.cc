#include "queue/store_space.h"

#include "queue/state_file.h"
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

TEST_CASE_METHOD(SpaceRig,
                 "what the disk cannot take is refused, and a low disk is tidied each turn") {
  QuietLog quiet;
  CHECK(space.take(1000));
  add_chunks(1);
  int64_t before = size();
  space.tidy(false);
  CHECK(size() == before);  // far from 1000 pages
  CHECK_FALSE(space.take(int64_t{1} << 60));
  space.tidy(false);
  CHECK(size() > before);
  CHECK(space.take(1000));
}
