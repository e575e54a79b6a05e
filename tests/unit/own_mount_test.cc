// What the launcher does to find its own mount at its end.
#include "launcher/own_mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "base/fd.h"
#include "quiet_log.h"

using namespace filed;

TEST_CASE("a process without free descriptors still unmounts its own mount", "[launcher]") {
  char dir[] = "/tmp/filed-own-mount-XXXXXX";
  REQUIRE(mkdtemp(dir) != nullptr);
  if (mount("none", dir, "tmpfs", 0, nullptr) != 0) {
    rmdir(dir);
    return;  // no right to mount here
  }
  OwnMount own(dir, false);
  own.note(Fd(open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC)));
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit few = {64, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &few);
  std::vector<Fd> all;
  for (;;) {
    Fd fd(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!fd) break;
    all.push_back(std::move(fd));
  }
  own.unmount();
  all.clear();
  setrlimit(RLIMIT_NOFILE, &before);
  struct stat inside {};
  struct stat outside {};
  REQUIRE(stat(dir, &inside) == 0);
  REQUIRE(stat("/tmp", &outside) == 0);
  CHECK(inside.st_dev == outside.st_dev);
  umount2(dir, MNT_DETACH);
  rmdir(dir);
}
