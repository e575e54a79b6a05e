#include "state_look.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "queue/state_file.h"
#include "state_owner.h"

namespace filed {
namespace {

// SQLite's header of a database file.
constexpr size_t kHeaderSize = 100;
constexpr std::string_view kMagic{"SQLite format 3\0", 16};
constexpr size_t kVersionOffset = 60;
constexpr size_t kApplicationOffset = 68;
// SQLite's locks lie on these bytes.
constexpr off_t kLockOffset = 0x40000000;
constexpr off_t kLockSize = 512;

// A file that is made needs a directory that can be written.
void check_directory(const std::string& path, bool makes_directory) {
  std::string directory = directory_of(path);
  struct stat st {};
  if (stat(directory.c_str(), &st) != 0) {
    if (makes_directory && errno == ENOENT) return;
    throw_errno(path);
  }
  if (!S_ISDIR(st.st_mode)) throw_errno(path, ENOTDIR);
  if (access(path.c_str(), F_OK) != 0 && access(directory.c_str(), W_OK | X_OK) != 0) {
    throw_errno(path);
  }
}

// Other users, or no owner at all, of what lies outside: only warned of, because a container shows what
// it does not map as somebody else's.
bool in_container() {
  std::string map;
  read_file("/proc/self/uid_map", 4096, map);
  unsigned inside = 0;
  unsigned outside = 0;
  unsigned count = 0;
  bool all = sscanf(map.c_str(), "%u %u %u", &inside, &outside, &count) == 3 && inside == 0 &&
             outside == 0 && count == UINT32_MAX;
  return !all || getpid() == 1 || access("/.dockerenv", F_OK) == 0 ||
         access("/run/.containerenv", F_OK) == 0;
}

void refuse(const std::string& why) {
  if (!in_container()) throw Error(why);
  log_warning("%s", why.c_str());
}

// Another user that can write the file, or replace it in its directory, could plant jobs of others.
void check_trusted(const std::string& path, const struct stat& st, const Identity& identity) {
  if (!may_own_state(st.st_uid, identity)) {
    refuse(path + ": belongs to user " + std::to_string(st.st_uid) +
           ", who may write jobs of others into it; if you trust it, chown it");
  }
  bool is_shared = S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX) != 0;
  if ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0 || is_shared) return;
  // Taken over, and closed then: see StateTakeover.
  if (S_ISDIR(st.st_mode) && identity.serving && identity.user && st.st_uid == identity.user->uid) {
    return;
  }
  refuse(path + ": other users may write it; chmod go-w it, or give filed a directory of its own");
}

void check_directory_trusted(const std::string& path, const Identity& identity) {
  std::string directory = directory_of(path);
  struct stat st {};
  if (stat(directory.c_str(), &st) == 0) check_trusted(directory, st, identity);
}

int big_endian(const char* bytes) {
  int value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

void check_header(const std::string& path, int fd) {
  std::array<char, kHeaderSize> bytes{};
  ssize_t size = read_up_to(fd, bytes.data(), bytes.size());
  if (size < 0) throw_errno(path);
  if (size == 0) return;  // a new one
  std::string_view header(bytes.data(), static_cast<size_t>(size));
  if (header.size() < kHeaderSize || !header.starts_with(kMagic)) {
    throw Error(path + ": not a filed state file");
  }
  // SQLite writes all but the first page into the log at first: then there is no id yet.
  int application = big_endian(header.data() + kApplicationOffset);
  if (application == 0) return;
  if (application != kApplicationId) throw Error(path + ": not a filed state file");
  auto newest = static_cast<int64_t>(schema_steps().size());
  check_schema_version(path, big_endian(header.data() + kVersionOffset), newest);
}

}  // namespace

void look_at_state(const std::string& path, const Identity& identity, bool makes_directory) {
  check_directory(path, makes_directory);
  struct stat st {};
  if (lstat(path.c_str(), &st) != 0) {
    if (errno != ENOENT) throw_errno(path);
    StateTakeover::check(path, identity);
    check_directory_trusted(path, identity);
    return;
  }
  if (S_ISDIR(st.st_mode)) throw_errno(path, EISDIR);
  if (!S_ISREG(st.st_mode)) throw Error(path + ": not a regular file");
  Fd fd(open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) throw_errno(path);
  check_header(path, fd.get());
  StateTakeover::check(path, identity);
  check_trusted(path, st, identity);
  check_directory_trusted(path, identity);
}

bool is_state_in_use(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return false;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = kLockOffset;
  lock.l_len = kLockSize;
  return fcntl(fd.get(), F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace filed
