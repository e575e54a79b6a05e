#include "base/line_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstdio>

#include "base/descriptors.h"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

namespace filed {
namespace {

// The same file, opened once more. The descriptor is empty if that fails.
Fd open_again(int fd) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return move_up(Fd(open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)));
}

// Writes if poll(2) promises room. Linux 6.5 can also be told not to wait in a pipe.
ssize_t write_if_room(int fd, std::string_view bytes) {
  pollfd room = {fd, POLLOUT, 0};
  if (poll(&room, 1, 0) <= 0) return -1;
  iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
  constexpr long kNoOffset = -1;
  ssize_t n = syscall(SYS_pwritev2, fd, &part, 1UL, kNoOffset, kNoOffset, RWF_NOWAIT);
  if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) return n;
  return write(fd, bytes.data(), bytes.size());
}

}  // namespace

LineWriter::LineWriter(int fd) : fd_(fd), kind_(Kind::kFile) {
  struct stat st {};
  if (fstat(fd, &st) != 0) return;
  if (S_ISSOCK(st.st_mode)) kind_ = Kind::kSocket;
  if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)) return;
  own_ = open_again(fd);
  kind_ = own_ ? Kind::kOwn : Kind::kShared;
}

ssize_t LineWriter::put(std::string_view bytes) const {
  switch (kind_) {
    case Kind::kOwn:
      return ::write(own_.get(), bytes.data(), bytes.size());
    case Kind::kSocket:
      return send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    case Kind::kShared:
      return write_if_room(fd_, bytes);
    case Kind::kFile:
      break;
  }
  return ::write(fd_, bytes.data(), bytes.size());
}

bool LineWriter::write(std::string_view line) {
  if (!rest_.empty()) {
    ssize_t n = put(rest_);
    if (n > 0) rest_.erase(0, static_cast<size_t>(n));
    if (!rest_.empty()) return false;
  }
  ssize_t n = put(line);
  if (n <= 0) return false;
  rest_ = line.substr(static_cast<size_t>(n));
  return true;
}

}  // namespace filed
