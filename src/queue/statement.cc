#include "queue/statement.h"

#include <cerrno>

namespace filed {

int errno_of(int rc) {
  switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return 0;
    case SQLITE_FULL:
      return ENOSPC;
    case SQLITE_NOMEM:
      return ENOMEM;
    case SQLITE_READONLY:
      return EROFS;
    case SQLITE_BUSY:
      return EBUSY;
    case SQLITE_TOOBIG:
      return EFBIG;
    case SQLITE_CONSTRAINT:
      return EEXIST;
    default:
      return EIO;
  }
}

}  // namespace filed
