#include "launcher/kill_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "temp_dir.h"

using namespace filed;

namespace {

Fd make_file(const TempDir& dir, const char* name) {
  return Fd(open(dir.file(name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

ino_t inode(int fd) {
  struct stat st {};
  return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

}  // namespace

TEST_CASE("filed has the kill file of each group that was made and is not gone", "[cgroup]") {
  TempDir dir;
  Fd theirs;
  KillFiles files(theirs);
  KillFileSender sender(theirs.get());
  Fd one = make_file(dir, "one");
  Fd two = make_file(dir, "two");
  CHECK(files.find(1) == -1);
  sender.made(1, one.get());
  sender.made(2, two.get());
  CHECK(inode(files.find(1)) == inode(one.get()));
  CHECK(inode(files.find(2)) == inode(two.get()));
  CHECK((fcntl(files.find(1), F_GETFD) & FD_CLOEXEC) != 0);
  sender.gone(1);
  CHECK(files.find(3) == -1);  // reads what has come
  CHECK(files.find(1) == -1);
  CHECK(inode(files.find(2)) == inode(two.get()));
}

TEST_CASE("all groups that were made and are not gone are killed", "[cgroup]") {
  TempDir dir;
  Fd theirs;
  KillFiles files(theirs);
  KillFileSender sender(theirs.get());
  for (uint32_t group = 1; group <= 3; ++group) {
    sender.made(group, make_file(dir, std::to_string(group).c_str()).get());
  }
  sender.gone(2);
  files.kill_all();
  auto size = [&](const char* name) {
    struct stat st {};
    return stat(dir.file(name).c_str(), &st) == 0 ? st.st_size : -1;
  };
  CHECK(size("1") == 1);
  CHECK(size("2") == 0);
  CHECK(size("3") == 1);
}

TEST_CASE("a launcher does not wait for a filed that reads no kill files", "[cgroup]") {
  TempDir dir;
  Fd theirs;
  KillFiles files(theirs);
  KillFileSender sender(theirs.get());
  Fd file = make_file(dir, "file");
  for (uint32_t group = 1; group <= 100'000; ++group) sender.made(group, file.get());
  CHECK(files.find(1) >= 0);
  CHECK(files.find(100'000) == -1);
  // There is room again.
  sender.made(100'000, file.get());
  CHECK(files.find(100'000) >= 0);

  KillFileSender nobody(-1);
  nobody.made(1, file.get());
  CHECK(files.find(0) == -1);
}
