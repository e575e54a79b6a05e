#include "base/descriptors.h"

#include <fcntl.h>

#include <algorithm>

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

Fd move_up(Fd fd) { return Fd(fd ? fcntl(fd.get(), F_DUPFD_CLOEXEC, kLowestOwn) : -1); }

}  // namespace filed
