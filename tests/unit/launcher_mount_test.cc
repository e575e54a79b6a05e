// How the launcher unmounts, and how it copes with a FUSE server that does not answer.
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

#include "base/fd.h"
#include "launcher_rig.h"

namespace {

Fd root_of(const char* dir) { return Fd(open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC)); }

}  // namespace

TEST_CASE("the launcher unmounts filed's mount at its end, and no other", "[launcher]") {
  if (!is_root()) return;
  char dir[] = "/tmp/filed-launcher-XXXXXX";
  REQUIRE(mkdtemp(dir) != nullptr);
  auto is_mounted = [&] {
    struct stat inside {};
    struct stat outside {};
    return stat(dir, &inside) == 0 && stat("/tmp", &outside) == 0 &&
           inside.st_dev != outside.st_dev;
  };
  auto tmpfs = [&](const char* verb) {
    return system((std::string(verb) + " " + dir + " > /dev/null 2>&1").c_str()) == 0;
  };
  if (!tmpfs("mount -t tmpfs none")) {
    rmdir(dir);
    return;  // no right to mount here
  }
  LauncherSettings settings;
  settings.mount_dir = dir;
  {
    LauncherRig not_ours(settings);
    CHECK(not_ours.run("echo fine") == "fine\n");
  }
  CHECK(is_mounted());
  {
    LauncherRig ours(settings);
    ours.client->mounted(root_of(dir));
    CHECK(ours.run("echo fine") == "fine\n");
    CHECK(ours.shut_down());
    CHECK_FALSE(is_mounted());
  }
  REQUIRE(tmpfs("mount -t tmpfs none"));
  {
    LauncherRig replaced(settings);
    replaced.client->mounted(root_of(dir));
    CHECK(replaced.run("echo fine") == "fine\n");
    REQUIRE(tmpfs("umount -l"));
    REQUIRE(tmpfs("mount -t tmpfs none"));
  }
  CHECK(is_mounted());
  tmpfs("umount");
  rmdir(dir);
}

namespace {

// A FUSE mount without libfuse, with a server that never answers. The descriptor is its connection.
Fd mount_silent_fuse(const std::string& dir) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return Fd();
  Fd ours(pair[0]);
  Fd theirs(pair[1]);
  fcntl(ours.get(), F_SETFD, FD_CLOEXEC);
  pid_t pid = fork();
  if (pid == 0) {
    setenv("_FUSE_COMMFD", std::to_string(theirs.get()).c_str(), 1);
    execlp("fusermount3", "fusermount3", "-o", "fsname=silent", "--", dir.c_str(), nullptr);
    _exit(127);
  }
  theirs.reset();
  char byte = 0;
  iovec vector{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got = recvmsg(ours.get(), &header, MSG_CMSG_CLOEXEC);
  waitpid(pid, nullptr, 0);
  cmsghdr* c = got > 0 ? CMSG_FIRSTHDR(&header) : nullptr;
  if (c == nullptr || c->cmsg_type != SCM_RIGHTS) return Fd();
  int fd = -1;
  memcpy(&fd, CMSG_DATA(c), sizeof fd);
  return Fd(fd);
}

bool is_in_mounts(const std::string& dir) {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(" " + dir + " ") != std::string::npos) return true;
  }
  return false;
}

// One of these, in a directory of its own; without a connection where there is no FUSE.
struct SilentMount {
  SilentMount() {
    REQUIRE(mkdtemp(dir) != nullptr);
    connection = mount_silent_fuse(dir);
  }
  ~SilentMount() { rmdir(dir); }

  char dir[32] = "/tmp/filed-launcher-XXXXXX";
  Fd connection;
};

}  // namespace

TEST_CASE("the launcher unmounts a FUSE mount with a server that does not answer", "[launcher]") {
  for (bool use_fusermount : {true, false}) {
    if (!use_fusermount && !is_root()) continue;
    SilentMount mount;
    if (!mount.connection) return;  // no FUSE here
    REQUIRE(is_in_mounts(mount.dir));
    LauncherSettings settings;
    settings.mount_dir = mount.dir;
    settings.use_fusermount = use_fusermount;
    {
      LauncherRig f(settings);
      f.client->mounted(root_of(mount.dir));
      CHECK(f.run("echo fine") == "fine\n");
      int64_t before = SystemClock().mono_ns();
      CHECK(f.shut_down());
      CHECK(SystemClock().mono_ns() - before < 4 * kNsPerSec);
    }
    CHECK_FALSE(is_in_mounts(mount.dir));
  }
}

namespace {

// Answers the kernel's first request, and reads the next one, which is never answered, so that its
// process cannot be killed. False if it does not come.
bool let_hang(int connection) {
  std::vector<char> buffer(1 << 20);
  for (;;) {
    pollfd fd = {connection, POLLIN, 0};
    if (poll(&fd, 1, 10'000) != 1) return false;
    if (read(connection, buffer.data(), buffer.size()) < 0) return false;
    fuse_in_header in;
    memcpy(&in, buffer.data(), sizeof in);
    if (in.opcode != FUSE_INIT) return true;
    struct {
      fuse_out_header header;
      fuse_init_out init;
    } out{};
    out.header.len = sizeof out;
    out.header.unique = in.unique;
    out.init.major = FUSE_KERNEL_VERSION;
    out.init.minor = 31;
    out.init.max_write = 4096;
    if (write(connection, &out, sizeof out) < 0) return false;
  }
}

}  // namespace

TEST_CASE("an interpreter that cannot be read delays nobody", "[launcher]") {
  SilentMount mount;
  if (!mount.connection) return;  // no FUSE here
  {
    LauncherRig f;
    AttemptId hanging = f.start(std::string("#!") + mount.dir + "/program\n");
    REQUIRE(let_hang(mount.connection.get()));
    CHECK(f.run("echo fine") == "fine\n");
    CHECK(f.seen[hanging].order.empty());
    // It is given up after 3 s, but its process cannot die.
    REQUIRE(f.wait_until([&] { return f.seen[hanging].state != 0; }));
    CHECK(f.seen[hanging].state == 'D');
    CHECK(f.seen[hanging].order == "u");
    mount.connection.reset();  // the kernel answers then
    REQUIRE(f.wait_end(hanging));
    CHECK(f.seen[hanging].order == "uf");
    CHECK(f.seen[hanging].failure.step == "the interpreter did not answer within 3 s");
    CHECK(f.seen[hanging].failure.error == ETIMEDOUT);
    CHECK(f.seen[hanging].failure.fault == Fault::kJob);
    CHECK(f.run("echo fine") == "fine\n");
  }
  CHECK(system((std::string("fusermount3 -u -z ") + mount.dir).c_str()) == 0);
}
