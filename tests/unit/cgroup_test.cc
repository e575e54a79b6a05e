// Groups of the real cgroup2 file system, where this machine permits them; and what is tried against
// a plain directory with files of the same names.
#include "launcher/cgroup.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "launcher/cgroup_clone.h"
#include "launcher/cgroup_pool.h"
#include "launcher/cgroup_tree.h"
#include "launcher_rig.h"
#include "temp_dir.h"

namespace {

// A tree of this test, removed at its end with all that runs in it.
struct Groups {
  Groups() : system(find_cgroups()), tree(system, unique_token()) {}
  ~Groups() {
    if (!tree) return;
    tree.kill();
    eventually([&] {
      while (waitpid(-1, nullptr, WNOHANG) > 0) {
      }
      return tree.remove() == 0;
    });
  }
  bool missing() {
    if (!tree) WARN("not tested here: " << tree.reason());
    return !tree;
  }
  // A process in the group, which waits for a signal.
  pid_t sleeper(const Cgroup& group) const {
    pid_t pid = fork_into_cgroup(group.directory());
    if (pid != 0) return pid;
    for (;;) pause();
  }

  CgroupSystem system;
  CgroupTree tree;
};

int wait_status(pid_t pid) {
  int status = -1;
  waitpid(pid, &status, 0);
  return status;
}

}  // namespace

TEST_CASE("a kill ends all of a group and nothing else", "[cgroup]") {
  Groups f;
  if (f.missing()) return;
  Cgroup group, other;
  REQUIRE(group.make(f.tree.directory(), "1") == 0);
  REQUIRE(other.make(f.tree.directory(), "2") == 0);
  CHECK_FALSE(group.is_populated());
  pid_t first = f.sleeper(group);
  pid_t second = f.sleeper(group);
  pid_t bystander = f.sleeper(other);
  CHECK(group.is_populated());
  std::vector<pid_t> pids;
  CHECK(group.members(pids) == 0);
  std::ranges::sort(pids);
  CHECK(pids == std::vector<pid_t>{std::min(first, second), std::max(first, second)});
  CHECK(kill_cgroup(group.kill_file()) == 0);
  CHECK(WTERMSIG(wait_status(first)) == SIGKILL);
  CHECK(WTERMSIG(wait_status(second)) == SIGKILL);
  CHECK(eventually([&] { return !group.is_populated(); }));
  CHECK(alive(bystander));
  CHECK(other.remove() == EBUSY);
  other.kill();
  wait_status(bystander);
  CHECK(eventually([&] { return other.remove() == 0; }));
}

TEST_CASE("the descriptor of a kill works for any user", "[cgroup]") {
  Groups f;
  if (f.missing() || !is_root()) return;
  Cgroup group;
  REQUIRE(group.make(f.tree.directory(), "1") == 0);
  pid_t victim = f.sleeper(group);
  pid_t killer = fork();
  if (killer == 0) _exit(setuid(54321) == 0 ? kill_cgroup(group.kill_file()) : 1);
  CHECK(wait_status(killer) == 0);
  CHECK(WTERMSIG(wait_status(victim)) == SIGKILL);
}

TEST_CASE("groups that a job has made in its own go with it", "[cgroup]") {
  Groups f;
  if (f.missing()) return;
  Cgroup group, inner;
  REQUIRE(group.make(f.tree.directory(), "1") == 0);
  REQUIRE(inner.make(group.directory(), "deep") == 0);
  pid_t victim = f.sleeper(inner);
  CHECK(group.is_populated());
  group.kill();
  CHECK(WTERMSIG(wait_status(victim)) == SIGKILL);
  CHECK(eventually([&] { return group.remove() == 0; }));
}

TEST_CASE("the pool gives an empty group again, and a killed one never", "[cgroup]") {
  Groups f;
  if (f.missing()) return;
  CgroupPool pool(f.tree.directory());
  auto group = pool.take(7);
  REQUIRE(group);
  CHECK(group->attempt() == 7U);
  std::string first = group->name();
  pool.give_back(std::move(group));
  group = pool.take(8);
  CHECK(group->name() == first);
  CHECK(group->attempt() == 8U);
  group->kill();
  pool.give_back(std::move(group));
  group = pool.take(9);
  CHECK(group->name() != first);
  pool.give_back(std::move(group));
  CHECK(f.tree.remove() == 0);
}

TEST_CASE("groups that wait in the pool can be dropped, for their descriptors", "[cgroup]") {
  Groups f;
  if (f.missing()) return;
  CgroupPool pool(f.tree.directory());
  auto group = pool.take(1);
  REQUIRE(group);
  std::string first = group->name();
  pool.give_back(std::move(group));
  pool.drop_free();
  CHECK(groups_in(f.tree.directory()).empty());
  group = pool.take(2);
  CHECK(group->name() != first);
  pool.give_back(std::move(group));
}

TEST_CASE("the pool keeps a group until its last process has ended", "[cgroup]") {
  Groups f;
  if (f.missing()) return;
  CgroupPool pool(f.tree.directory());
  auto kept = pool.take(1);
  auto dying = pool.take(2);
  REQUIRE((kept && dying));
  pid_t service = f.sleeper(*kept);
  pid_t victim = f.sleeper(*dying);
  pool.give_back(std::move(kept));
  dying->kill();
  pool.give_back(std::move(dying));  // perhaps before the victim has died
  auto next = pool.take(3);
  CHECK(next->name() == "3");
  wait_status(victim);
  CHECK(eventually([&] {
    pool.tidy(10);
    return pool.occupied() == 1;
  }));
  CHECK(alive(service));
  kill(service, SIGKILL);
  wait_status(service);
  pool.tidy(10);
  CHECK(pool.occupied() == 0);
  pool.give_back(std::move(next));
  pool.clear();
  CHECK(f.tree.remove() == 0);
}

TEST_CASE("what a dead launcher has left is killed, but not what was left on purpose", "[cgroup]") {
  Groups f;
  if (f.missing()) return;
  Cgroup running, kept, empty;
  REQUIRE(running.make(f.tree.directory(), "1") == 0);
  REQUIRE(kept.make(f.tree.directory(), "2") == 0);
  REQUIRE(empty.make(f.tree.directory(), "3") == 0);
  running.set_attempt(41);
  kept.set_attempt(Cgroup::kNoAttempt);
  pid_t victim = f.sleeper(running);
  pid_t service = f.sleeper(kept);
  using State = Leftovers::State;
  auto look = [&] { return kill_crash_leftovers(f.system, f.tree.place()); };

  SECTION("if it is dead") {
    Leftovers left = look();
    CHECK(left.state == State::kDying);
    CHECK(left.processes == std::vector<AttemptProcess>{{41, victim}});
    CHECK(WTERMSIG(wait_status(victim)) == SIGKILL);
    CHECK(eventually([&] { return look().state == State::kKept; }));
    CHECK(alive(service));
    kill(service, SIGKILL);
    wait_status(service);
    CHECK(look().state == State::kNone);
    CHECK(look().state == State::kNone);  // the directory is gone
  }
  SECTION("but nothing if it lives") {
    int ready[2];
    REQUIRE(pipe(ready) == 0);
    pid_t launcher = fork();
    if (launcher == 0) {
      int error = f.tree.lock();
      if (write(ready[1], &error, sizeof error) < 0) _exit(1);
      for (;;) pause();
    }
    int error = -1;
    REQUIRE(read(ready[0], &error, sizeof error) == sizeof error);
    close(ready[0]);
    close(ready[1]);
    CHECK(error == 0);
    CHECK(look().state == State::kLocked);
    CHECK(alive(victim));
    SECTION("by its lock") {
      kill(launcher, SIGKILL);
      wait_status(launcher);
      CHECK(look().state == State::kDying);
    }
    SECTION("unless it is known to do nothing any more") {
      CHECK(kill_crash_leftovers(f.system, f.tree.place(), LockedTree::kKill).state ==
            State::kDying);
      kill(launcher, SIGKILL);
      wait_status(launcher);
    }
    wait_status(victim);
    kill(service, SIGKILL);
    wait_status(service);
  }
}

TEST_CASE("a child of the launcher does not hold its lock", "[cgroup]") {
  Groups f;
  if (f.missing()) return;
  pid_t child = -1;
  int pid_pipe[2];
  REQUIRE(pipe(pid_pipe) == 0);
  pid_t launcher = fork();
  if (launcher == 0) {
    f.tree.lock();
    pid_t own = fork();
    if (own == 0) {
      for (;;) pause();
    }
    if (write(pid_pipe[1], &own, sizeof own) < 0) _exit(1);
    _exit(0);
  }
  REQUIRE(read(pid_pipe[0], &child, sizeof child) == sizeof child);
  close(pid_pipe[0]);
  close(pid_pipe[1]);
  wait_status(launcher);
  CHECK(alive(child));
  CHECK(kill_crash_leftovers(f.system, f.tree.place()).state == Leftovers::State::kNone);
  kill(child, SIGKILL);
}

TEST_CASE("where there are no cgroups the reason is told", "[cgroup]") {
  CgroupSystem none;
  none.reason = "no cgroups today";
  CgroupTree tree(none, "token");
  CHECK_FALSE(tree);
  CHECK(tree.reason() == "no cgroups today");
  CHECK(kill_crash_leftovers(none, "/filed-token").state == Leftovers::State::kUnknown);

  // No cgroup2 file system: it has no cgroup.kill.
  TempDir dir;
  CgroupSystem plain;
  plain.root.reset(open(dir.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  plain.own = "/";
  CgroupTree other(plain, "token");
  CHECK_FALSE(other);
  CHECK(other.reason() == "/filed-token: No such file or directory");
  CHECK(access(dir.file("filed-token").c_str(), F_OK) != 0);
  CHECK(kill_crash_leftovers(plain, "/filed-token").state == Leftovers::State::kNone);
  CHECK(kill_crash_leftovers(plain, "/gone/filed-token").state == Leftovers::State::kNone);
}

TEST_CASE("a process starts in its group on a stack of its own", "[cgroup]") {
  Groups f;
  if (f.missing() || !kCanCloneIntoCgroup || f.tree.entry() != CgroupEntry::kClone) return;
  Cgroup group;
  REQUIRE(group.make(f.tree.directory(), "1") == 0);
  alignas(16) static char stack[64 * 1024];
  static int given;
  auto child = [](void* argument) -> int {
    given = *static_cast<int*>(argument);
    _exit(3);
  };
  int number = 42;
  pid_t pid =
      clone_into_cgroup(child, stack + sizeof stack, CLONE_VM, &number, nullptr, group.directory());
  REQUIRE(pid > 0);
  CHECK(WEXITSTATUS(wait_status(pid)) == 3);
  CHECK(given == 42);
  // A descriptor that is no group.
  CHECK(clone_into_cgroup(child, stack + sizeof stack, CLONE_VM, &number, nullptr, STDIN_FILENO) ==
        -1);
}
