#include "state_watch.h"

#include <poll.h>
#include <unistd.h>

#include <filesystem>

#include "base/log.h"
#include "catch.h"
#include "quiet_log.h"
#include "temp_dir.h"

using namespace filed;

namespace {

class WatchRig {
 public:
  QuietLog quiet;
  TempDir dir;
  std::string place = dir.file("state");
  std::string path = place + "/db";
  std::optional<StateWatch> watch;

  WatchRig() {
    std::filesystem::create_directory(place);
    dir.write("state/db", "x");
    dir.write("state/db-wal", "x");
    watch.emplace(path, geteuid());
  }

  bool is_told() const {
    pollfd event{watch->fd(), POLLIN, 0};
    return poll(&event, 1, 0) == 1;
  }
  // What is wrong, without the path.
  std::string wrong() {
    std::string text = watch->look();
    return text.substr(text.rfind(": ") == std::string::npos ? 0 : text.rfind(": ") + 2);
  }
};

}  // namespace

TEST_CASE_METHOD(WatchRig, "what filed does with its state tells nothing") {
  dir.write("state/db", "more");
  dir.write("state/db-wal", "more");
  CHECK_FALSE(is_told());
  CHECK(wrong().empty());
}

TEST_CASE_METHOD(WatchRig, "a state that was removed, replaced or moved is told") {
  namespace fs = std::filesystem;
  for (const char* name : {"db", "db-wal"}) {
    std::string file = place + "/" + name;
    fs::rename(file, place + "/away");
    CHECK(is_told());
    CHECK(wrong() == "was removed");
    fs::rename(place + "/away", file);
    CHECK(wrong().empty());
    dir.write("state/other", "x");
    fs::rename(file, place + "/away");
    fs::rename(place + "/other", file);
    CHECK(is_told());
    CHECK(wrong() == "was replaced");
    fs::rename(place + "/away", file);
    CHECK(wrong().empty());
  }
  fs::rename(place, dir.file("away"));
  CHECK(is_told());
  CHECK(wrong() == "was moved");
  fs::create_directory(place);
  CHECK(wrong() == "was replaced");
  fs::remove(place);
  fs::rename(dir.file("away"), place);
  CHECK(wrong().empty());
  fs::remove_all(place);
  CHECK(wrong() == "was removed");
}

TEST_CASE_METHOD(WatchRig, "a state that was given away is told") {
  if (geteuid() != 0) return;  // only root can give files away
  REQUIRE(chown(path.c_str(), 7, 7) == 0);
  CHECK(is_told());
  CHECK(wrong() == "belongs to user 7 now");
}
