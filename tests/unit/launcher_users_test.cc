// The users that jobs run as. These tests need root and are left out without it.
#include <sys/resource.h>

#include <cerrno>

#include "launcher/environment.h"
#include "launcher_rig.h"

TEST_CASE("in owner mode a number without a passwd entry runs with no groups, home /",
          "[launcher]") {
  if (!is_root()) return;
  LauncherSettings settings;
  settings.as_owner = true;
  LauncherRig f(settings);
  std::string out = f.run(
      "id -u; id -g; id -G; echo $HOME $USER $LOGNAME; pwd; "
      "grep -E '^(Groups|Cap...):' /proc/self/status | tr -d ' \\t'",
      [](StartRequest& a) {
        a.uid = 54321;
        a.gid = 54322;
      });
  CHECK(out ==
        "54321\n54322\n54322\n/ 54321 54321\n/\nGroups:\nCapInh:0000000000000000\n"
        "CapPrm:0000000000000000\nCapEff:0000000000000000\nCapBnd:0000000000000000\n"
        "CapAmb:0000000000000000\n");
}

TEST_CASE("in owner mode a known user has the groups of the database, and not the file's group",
          "[launcher]") {
  if (!is_root()) return;
  UserCache users;
  User nobody = users.find(65534);
  if (!nobody.known) return;
  LauncherSettings settings;
  settings.as_owner = true;
  LauncherRig f(settings);
  CHECK(f.run("id -u; id -g; echo $USER", [](StartRequest& a) {
    a.uid = 65534;
    a.gid = 0;  // as a job's in a setgid directory of root's
  }) == "65534\n" + std::to_string(nobody.group) + "\n" + nobody.name + "\n");
  // Root's own jobs keep what root can do.
  CHECK(f.run("id -u; [ $(sed -n 's/^CapBnd:\t//p' /proc/self/status) != 0000000000000000 ] && "
              "echo all",
              [](StartRequest& a) { a.uid = a.gid = 0; }) == "0\nall\n");
}

TEST_CASE("a user that cannot be looked up is not an unknown one", "[launcher]") {
  UserCache users;
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = {0, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  int error = users.find(0).error;
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(error == EMFILE);
  CHECK(users.find(0).error == 0);
  CHECK(users.find(0).name == "root");
}

TEST_CASE("no attempt runs as the user that filed serves as", "[launcher]") {
  if (!is_root()) return;
  LauncherSettings settings;
  settings.as_owner = true;
  settings.serving = 54321;
  LauncherRig f(settings);
  for (uid_t uid : {uid_t{54321}, kServingId}) {
    AttemptId run = f.start("true", [&](StartRequest& a) { a.uid = a.gid = uid; });
    REQUIRE(f.wait_until([&] { return f.seen[run].failed; }));
    CHECK(f.seen[run].failure.step == "its owner is the user that filed serves as");
    CHECK(f.seen[run].failure.error == EPERM);
    CHECK(f.seen[run].failure.fault == Fault::kJob);
  }
  CHECK(f.run("id -u", [](StartRequest& a) { a.uid = a.gid = 54322; }) == "54322\n");
}

TEST_CASE("in owner mode a job is killed with its main process, whoever owns it", "[launcher]") {
  if (!is_root()) return;
  LauncherSettings settings;
  settings.as_owner = true;
  LauncherRig f(settings);
  AttemptId run = f.start("(setsid sleep 1000 &); echo up; sleep 1000", [](StartRequest& a) {
    a.uid = 54321;
    a.gid = 54321;
  });
  REQUIRE(f.wait_until([&] { return !f.seen[run].output.empty(); }));
  ::kill(f.client->launcher_pid(), SIGKILL);
  REQUIRE(f.wait_until([&] { return f.gone; }));
  CHECK(eventually([&] { return !alive(f.seen[run].pid); }));
  CHECK(f.client->kill_everything(10'000) == 0);
  CHECK(marked_count(f.token) == 0);
}

TEST_CASE("with a user set, every attempt runs as that user", "[launcher]") {
  if (!is_root()) return;
#ifdef __SANITIZE_THREAD__
  // It gives the launcher a second thread. To that, setuid(3) sends a signal that the C library
  // keeps for itself, and the launcher has set all signals to their defaults.
  return;
#endif
  LauncherSettings settings;
  settings.user = UserIds{54321, 54322};
  LauncherRig f(settings);
  CHECK(f.run("id -u; id -g; grep ^CapBnd /proc/self/status | tr -d '\\t'",
              [](StartRequest& a) { a.uid = 0; }) == "54321\n54322\nCapBnd:0000000000000000\n");
}

TEST_CASE("RLIMIT_NPROC that is reached is worth another try", "[launcher]") {
  if (!is_root()) return;
  LauncherSettings settings;
  settings.as_owner = true;
  settings.limits.processes = 1;
  LauncherRig f(settings);
  auto as_other = [](StartRequest& a) { a.uid = a.gid = 54323; };
  // The kernel lets one more than the limit come in by a change of user.
  std::vector<AttemptId> runs;
  for (int i = 0; i < 3; ++i) {
    runs.push_back(f.start("exec sleep 1000", as_other));
    REQUIRE(
        f.wait_until([&] { return f.seen[runs.back()].started || f.seen[runs.back()].failed; }));
  }
  REQUIRE(f.seen[runs.back()].failed);
  CHECK(f.seen[runs.back()].failure.error == EAGAIN);
  CHECK(f.seen[runs.back()].failure.step == "exec /bin/sh");
  CHECK(f.seen[runs.back()].failure.fault == Fault::kOwner);
}
