#include "mount/special_files.h"

#include <fcntl.h>

#include "mount/fixed_nodes.h"
#include "queue_rig.h"

using namespace filed;

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

TEST_CASE_METHOD(QueueRig, "an id that could not be stored is not shown by a later read") {
  SpecialFiles files(*queue, clock);
  const SpecialFile& new_id = special_files().front();
  REQUIRE(new_id.name == "new-id");
  EditBuffer buffer;
  REQUIRE(files.open(new_id, O_RDONLY, kAlice, buffer) == 0);
  CHECK_FALSE(queue->turn().changed());
  std::string_view bytes;
  auto read = [&] {
    REQUIRE(files.read(new_id, kAlice, buffer, 0, 100, bytes) == 0);
    return std::string(bytes);
  };
  std::string lost = read();
  CHECK(lost.size() == new_id.shown(files).size);
  disk.fail(1);
  CHECK(queue->end_turn() == EIO);
  std::string kept = read();
  CHECK(kept != lost);
  CHECK(turn() == 0);
  CHECK(read() == kept);
  CHECK_FALSE(queue->turn().changed());
}
