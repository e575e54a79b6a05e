// Waits for the end of one child, without blocking for ever.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace filed {

// Reaps the child. Returns true if it has ended, or is no child of this process; false if it still
// runs after `timeout_ns`. Looks at least once.
bool reap_within(pid_t pid, int64_t timeout_ns);

// Reaps all children that have ended but that one, as process 1 must: the kernel makes each orphan
// its child. Does not wait.
void reap_all_but(pid_t spared);

}  // namespace filed
