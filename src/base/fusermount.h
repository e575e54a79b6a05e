// Unmounts a FUSE mount with fusermount3, the set-user-id program of libfuse, because umount(2)
// needs CAP_SYS_ADMIN.
#pragma once

#include <string>

namespace filed {

// Runs `fusermount3 -uzq -- DIR` with no signal blocked and waits for it, at most 5 s. The
// mount disappears at once; a server that does not answer is not waited for. Returns 0 when the
// program has run (also when it has failed: it prints its own message), ETIMEDOUT, or an errno if
// it could not be started.
int run_fusermount(const std::string& dir);

}  // namespace filed
