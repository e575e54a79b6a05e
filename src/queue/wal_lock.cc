#include "queue/wal_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace filed {
namespace {

constexpr off_t kOffset = off_t{1} << 61;

int set_lock(int wal, int command, short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = kOffset;
  lock.l_len = 1;
  return fcntl(wal, command, &lock) == 0 ? 0 : errno;
}

}  // namespace

bool lock_wal_to_move(int wal) {
  int error = set_lock(wal, F_OFD_SETLK, F_WRLCK);
  return error != EAGAIN && error != EACCES;
}

void unlock_wal(int wal) { set_lock(wal, F_OFD_SETLK, F_UNLCK); }

void lock_wal_to_copy(int wal) {
  while (set_lock(wal, F_OFD_SETLKW, F_RDLCK) == EINTR) continue;
}

}  // namespace filed
