// Limits of groups, against a directory with files of the same names: the controllers of this machine
// may be elsewhere.
#include "launcher/cgroup_limits.h"

#include <fcntl.h>

#include <fstream>
#include <sstream>

#include "base/fd.h"
#include "temp_dir.h"

using namespace filed;

namespace {

struct FakeGroup {
  explicit FakeGroup(std::initializer_list<const char*> files) {
    for (const char* file : files) dir.write(file, "");
    directory.reset(open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  std::string text(const std::string& file) const {
    std::ostringstream all;
    all << std::ifstream(dir.file(file)).rdbuf();
    return all.str();
  }

  TempDir dir;
  Fd directory;
};

const std::vector<LimitValue> kLimits = {{"cpu", 5}, {"memory", 8 << 20}, {"processes", 20}};

}  // namespace

TEST_CASE("the limits of a group are those of [limits] that its controllers can hold", "[cgroup]") {
  CHECK(group_limits(kLimits, {true, true}) == GroupLimits{8 << 20, 20});
  CHECK(group_limits(kLimits, {true, false}) == GroupLimits{8 << 20, {}});
  CHECK(group_limits(kLimits, {}) == GroupLimits{});
  CHECK(group_limits({}, {true, true}) == GroupLimits{});
  // Not so little that an exec fails.
  std::vector<LimitValue> tiny = {{"memory", 1}};
  CHECK(group_limits(tiny, {true, true}) == GroupLimits{kMinGroupMemory, {}});
}

TEST_CASE("limits are written when they change, and taken away again", "[cgroup]") {
  FakeGroup group({"memory.max", "memory.oom.group", "memory.swap.max", "pids.max"});
  int fd = group.directory.get();
  CHECK(set_group_limits(fd, {}, {}) == 0);
  CHECK(group.text("memory.max").empty());
  CHECK(set_group_limits(fd, {}, {1 << 20, 20}) == 0);
  CHECK(group.text("memory.max") == "1048576");
  CHECK(group.text("memory.oom.group") == "1");
  CHECK(group.text("memory.swap.max") == "0");
  CHECK(group.text("pids.max") == "20");
  group.dir.write("pids.max", "");
  group.dir.write("memory.max", "");
  CHECK(set_group_limits(fd, {1 << 20, 20}, {{}, 20}) == 0);
  CHECK(group.text("memory.max") == "max");
  CHECK(group.text("pids.max").empty());
  CHECK(set_group_limits(fd, {{}, 20}, {}) == 0);
  CHECK(group.text("pids.max") == "max");

  FakeGroup bare({});
  CHECK(set_group_limits(bare.directory.get(), {}, {{}, 20}) == ENOENT);
  CHECK(set_group_limits(bare.directory.get(), {}, {1, {}}) == ENOENT);
}

TEST_CASE("an end for lack of memory is read in memory.events", "[cgroup]") {
  FakeGroup group({"memory.events"});
  int fd = group.directory.get();
  CHECK_FALSE(ran_out_of_memory(fd));
  group.dir.write("memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 0\noom_group_kill 0\n");
  CHECK_FALSE(ran_out_of_memory(fd));
  group.dir.write("memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 3\noom_group_kill 1\n");
  CHECK(ran_out_of_memory(fd));
  FakeGroup bare({});
  CHECK_FALSE(ran_out_of_memory(bare.directory.get()));
}

TEST_CASE("controllers are enabled one by one, unless they are", "[cgroup]") {
  FakeGroup group({"cgroup.controllers", "cgroup.subtree_control"});
  int fd = group.directory.get();
  group.dir.write("cgroup.controllers", "cpu memory pids\n");
  CHECK(read_controllers(fd, "cgroup.controllers") == Controllers{true, true});
  group.dir.write("cgroup.controllers", "cpu hugetlb memory_of_others\n");
  CHECK(read_controllers(fd, "cgroup.controllers") == Controllers{});
  CHECK(enable_controllers(fd, {}) == 0);
  CHECK(group.text("cgroup.subtree_control").empty());
  CHECK(enable_controllers(fd, {true, false}) == 0);
  CHECK(group.text("cgroup.subtree_control") == "+memory");
  group.dir.write("cgroup.subtree_control", "memory\n");
  CHECK(enable_controllers(fd, {true, false}) == 0);
  CHECK(group.text("cgroup.subtree_control") == "memory\n");
  CHECK(enable_controllers(fd, {true, true}) == 0);
  CHECK(group.text("cgroup.subtree_control").starts_with("+pids"));
}
