#include "state_look.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
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
    return;
  }
  if (S_ISDIR(st.st_mode)) throw_errno(path, EISDIR);
  if (!S_ISREG(st.st_mode)) throw Error(path + ": not a regular file");
  Fd fd(open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) throw_errno(path);
  check_header(path, fd.get());
  StateTakeover::check(path, identity);
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
