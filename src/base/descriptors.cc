#include "base/descriptors.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>

namespace filed {
namespace {

constexpr int kLowestOwn = 10;

void close_gap(unsigned first, unsigned last) {
  if (first > last || close_range(first, last, 0U) == 0) return;
  long open_max = sysconf(_SC_OPEN_MAX);
  for (unsigned fd = first; fd <= last && static_cast<long>(fd) < open_max; ++fd) {
    close(static_cast<int>(fd));
  }
}

}  // namespace

void close_descriptors_but(std::vector<int> keep) {
  std::sort(keep.begin(), keep.end());
  unsigned next = STDERR_FILENO + 1;
  for (int fd : keep) {
    if (fd < static_cast<int>(next)) continue;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    close_gap(next, static_cast<unsigned>(fd) - 1);
    next = static_cast<unsigned>(fd) + 1;
  }
  close_gap(next, ~0U);
}

ssize_t receive_with_descriptor(int socket, void* packet, size_t size, int flags, Fd& descriptor) {
  descriptor.reset();
  iovec part{packet, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got = recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
  const cmsghdr* extra = got > 0 ? CMSG_FIRSTHDR(&header) : nullptr;
  if (extra != nullptr && extra->cmsg_level == SOL_SOCKET && extra->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    memcpy(&fd, CMSG_DATA(extra), sizeof fd);
    descriptor.reset(fd);
  }
  return got;
}

Fd move_up(Fd fd) { return Fd(fd ? fcntl(fd.get(), F_DUPFD_CLOEXEC, kLowestOwn) : -1); }

}  // namespace filed
