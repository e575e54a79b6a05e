#include "mount/fixed_nodes.h"

#include "mount/special_files.h"
#include "quiet_log.h"
#include "store_rig.h"

using namespace filed;

TEST_CASE("a change of a directory's rights is stored with the turn, and not before") {
  TempDir dir;
  FixedNodes::Defaults defaults;
  defaults.mode = 0700;
  Store store(dir.file("db"));
  Turn turn(store);
  FixedNodes nodes(defaults, store, 5);
  fuse_ino_t failed = ino_of(Dir::kFailed);
  REQUIRE(nodes.change_rights(failed, {0750, 1, 2}, turn) == 0);
  CHECK(turn.changed());
  CHECK(nodes.attributes(failed).st_mode == (S_IFDIR | 0750));
  SECTION("committed") {
    REQUIRE(turn.end() == 0);
    FixedNodes again(defaults, store, 9);
    CHECK(again.rights(failed).mode == 0750);
    CHECK(again.rights(failed).uid == 1);
    CHECK(again.rights(failed).gid == 2);
    CHECK(again.rights(kRootIno).mode == 0700);
  }
  SECTION("rolled back") {
    QuietLog quiet;
    // A row with this key is there already, so the turn fails.
    REQUIRE(store.add_kill_pending({1}) == 0);
    REQUIRE(store.add_kill_pending({1}) != 0);
    CHECK(turn.end() != 0);
    CHECK(nodes.rights(failed).mode == 0700);
    CHECK(store.load_directories().empty());
  }
}

TEST_CASE("each special file has a name, a mode and an inode number of its own") {
  for (const SpecialFile& file : special_files()) {
    INFO(file.name);
    CHECK(find_special(file.ino) == &file);
    CHECK_FALSE(is_directory(file.ino));
    CHECK_FALSE(is_job(file.ino));
    CHECK((file.write != nullptr) == ((file.mode & 0222) != 0));
    for (const SpecialFile& other : special_files()) {
      CHECK((&other == &file || other.name != file.name));
    }
  }
  CHECK(find_special(kRootIno) == nullptr);
  CHECK(find_special(kFirstJobIno) == nullptr);
}
