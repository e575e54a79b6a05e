// Closes all file descriptors of a process but some, for the helper processes, which must not keep
// what filed has open. Moves a descriptor above the numbers that children use. Receives one. Opens a
// process.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "base/fd.h"

// Older C libraries lack both. The number is the same on every machine but alpha.
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

namespace filed {

// close_range(2): closes the descriptors from `first` to `last`, or with CLOSE_RANGE_CLOEXEC only
// marks them close-on-exec. Returns 0, or -1 with errno (ENOSYS before Linux 5.9, EINVAL for the
// flag before 5.11). May be called between fork and exec.
inline long close_range(unsigned first, unsigned last, unsigned flags) noexcept {
  return syscall(SYS_close_range, first, last, flags);
}

// Closes all descriptors above 2 but those in `keep`, which become close-on-exec. Where the kernel
// has no close_range(2), it closes one by one up to the limit of open files.
void close_descriptors_but(std::vector<int> keep);

// The same open file by a number above those that are given to children, close-on-exec. Empty with
// errno if there is none.
Fd move_up(Fd fd);

// recv(2), also of the descriptor that may come with the packet: it is put into `descriptor`, else
// that is emptied. It is close-on-exec. Returns the size, or -1 with errno.
ssize_t receive_with_descriptor(int socket, void* packet, size_t size, int flags, Fd& descriptor);

// pidfd_open(2): readable when the process has ended. Empty with errno: ESRCH if there is none.
inline Fd open_process(pid_t pid) { return Fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

}  // namespace filed
