// Sandboxes, put on by processes of the test's own. Attempts to get out are in tests/sandbox.
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>

#include "catch.h"
#include "confined.h"
#include "sandbox/capabilities.h"
#include "temp_dir.h"

using namespace filed;

TEST_CASE("a grant that cannot be given stops the start", "[sandbox]") {
  TempDir dir;
  SandboxSpec spec;
  spec.paths = {{dir.file("none")}};
  CHECK(error_of([&] { Sandbox::prepare(spec); }) ==
        "sandbox: " + dir.file("none") + ": No such file or directory");
  spec.required = false;
  CHECK_FALSE(error_of([&] { Sandbox::prepare(spec); }).empty());
  spec.paths = {{dir.path(), false, /*must_be_file=*/true}};
  CHECK(error_of([&] { Sandbox::prepare(spec); }) ==
        "sandbox: " + dir.path() + ": is a directory, a file was expected");
  spec.paths = {{"/proc/self/ns/uts"}};
  CHECK_FALSE(error_of([&] { Sandbox::prepare(spec); }).empty());
}

TEST_CASE("the sandbox holds what it was told, and the rest of the process stays free",
          "[sandbox]") {
  TempDir dir;
  mkdir(dir.file("ro").c_str(), 0755);
  mkdir(dir.file("rw").c_str(), 0755);
  dir.write("ro/file", "x");
  dir.write("secret", "x");
  SandboxSpec spec;
  spec.paths = {{dir.file("ro")}, {dir.file("rw"), true}, {dir.file("ro")}};
  Sandbox prepared = Sandbox::prepare(spec);
  Sandbox sandbox = std::move(prepared);
  CHECK((fcntl(sandbox.ruleset(), F_GETFD) & FD_CLOEXEC) != 0);
  int result = in_child([&] {
    const char* step = "never called";
    if (Sandbox::confine(&sandbox, &step) != 0) return 1;
    if (step != nullptr) return 2;
    if (open_errno(dir.file("secret"), O_RDONLY) != EACCES) return 3;
    if (open_errno(dir.file("ro/file"), O_RDONLY) != 0) return 4;
    if (open_errno(dir.file("ro/file"), O_WRONLY) != EACCES) return 5;
    int fd = open(dir.file("rw/new").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return 6;
    if (open_errno("/dev/null", O_RDWR) != 0) return 7;
    if (open_errno(dir.path(), O_RDONLY) != EACCES) return 8;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return 9;
    return 0;
  });
  CHECK(result == 0);
  CHECK(open_errno(dir.file("secret"), O_RDONLY) == 0);
  CHECK(access(dir.file("rw/new").c_str(), F_OK) == 0);
}

TEST_CASE("a sandbox in a sandbox can only be narrower", "[sandbox]") {
  TempDir dir;
  dir.write("one", "x");
  dir.write("two", "x");
  SandboxSpec outer;
  outer.paths = {{dir.file("one")}};
  SandboxSpec inner;
  inner.paths = {{dir.path(), true}};
  inner.network = Network::kNone;
  Sandbox first = Sandbox::prepare(outer);
  Sandbox second = Sandbox::prepare(inner);
  CHECK(in_child([&] {
          const char* step;
          if (first.apply(&step) != 0) return 1;
          Fd before(socket(AF_INET, SOCK_DGRAM, 0));
          if (!before) return 2;
          if (second.apply(&step) != 0) return 3;
          if (open_errno(dir.file("one"), O_RDONLY) != 0) return 4;
          if (open_errno(dir.file("one"), O_WRONLY) != EACCES) return 5;
          if (open_errno(dir.file("two"), O_RDONLY) != EACCES) return 6;
          if (socket(AF_INET, SOCK_DGRAM, 0) >= 0 || errno != EACCES) return 7;
          return 0;
        }) == 0);
}

TEST_CASE("a path that jobs could redirect is not followed", "[sandbox]") {
  TempDir dir;
  mkdir(dir.file("data").c_str(), 0755);
  mkdir(dir.file("secret").c_str(), 0755);
  dir.write("secret/file", "x");
  // A job that may write to data has put a link where the admin once named a directory.
  REQUIRE(symlink(dir.file("secret").c_str(), dir.file("data/conf").c_str()) == 0);
  REQUIRE(symlink("data/conf", dir.file("alias").c_str()) == 0);
  SandboxSpec spec;
  spec.paths = {{dir.file("data/conf"), true}, {dir.file("alias")}, {dir.file("data"), true}};
  Sandbox sandbox = Sandbox::prepare(spec);
  CHECK(in_child([&] {
          const char* step;
          if (sandbox.apply(&step) != 0) return 1;
          if (open_errno(dir.file("data"), O_RDONLY) != 0) return 2;
          return open_errno(dir.file("secret/file"), O_RDONLY) == EACCES ? 0 : 3;
        }) == 0);
  CHECK(sandbox.grant_over(dir.file("secret/file"), false).empty());

  // The link alone, where only the admin writes, is followed.
  spec.paths = {{dir.file("data/conf")}};
  CHECK(Sandbox::prepare(spec).grant_over(dir.file("secret/file"), false) == dir.file("data/conf"));
}

TEST_CASE("a sandbox tells which grant a path lies in", "[sandbox]") {
  TempDir dir;
  mkdir(dir.file("a").c_str(), 0755);
  mkdir(dir.file("a/b").c_str(), 0755);
  SandboxSpec spec;
  spec.paths = {{dir.file("a")}};
  Sandbox sandbox = Sandbox::prepare(spec);
  CHECK(sandbox.grant_over(dir.file("a"), false) == dir.file("a"));
  CHECK(sandbox.grant_over(dir.file("a/b"), false) == dir.file("a"));
  CHECK(sandbox.grant_over(dir.file("a/b/not/there.db"), false) == dir.file("a"));
  CHECK(sandbox.grant_over(dir.file("a/b"), true).empty());
  CHECK(sandbox.grant_over(dir.file("c"), false).empty());
  spec.paths = {{"/", true}};
  CHECK(Sandbox::prepare(spec).grant_over("/no/such/thing", true) == "/");
}

TEST_CASE("a confined root keeps few capabilities, for good", "[sandbox]") {
  if (geteuid() != 0) return;
  auto effective = [] {
    std::ifstream status("/proc/self/status");
    std::string line;
    while (std::getline(status, line)) {
      if (line.rfind("CapEff:", 0) == 0) return std::stoull(line.substr(7), nullptr, 16);
    }
    return ~0ull;
  };
  SandboxSpec spec;
  spec.paths = {{"/", true}};
  CHECK(in_child([&] {
          const char* step;
          if (Sandbox::prepare(spec).apply(&step) != 0) return 1;
          if ((effective() & ~kept_capabilities()) != 0) return 2;
          if ((effective() & (1ull << CAP_DAC_OVERRIDE)) == 0) return 3;
          // Root's exec would bring them back, but for no_new_privs.
          char kept[32];
          snprintf(kept, sizeof kept, "%016llx", effective());
          dup2(open("/proc/self/status", O_RDONLY), 0);
          execl(
              "/bin/sh", "sh", "-c",
              "while read -r key value; do [ $key != CapEff: ] || [ $value != $0 ] || exit 5; done",
              kept, nullptr);
          return 4;
        }) == 5);
}

TEST_CASE("what failed is named", "[sandbox]") {
  Sandbox sandbox = Sandbox::prepare({});
  const char* step = nullptr;
  CHECK(in_child([&] {
          close(sandbox.ruleset());
          if (sandbox.apply(&step) != EBADF) return 1;
          return strcmp(step, "landlock") == 0 ? 0 : 2;
        }) == 0);
}
