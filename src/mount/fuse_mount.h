// Mounts a FUSE file system, and says in one line why that fails.
#pragma once

#include <fuse_lowlevel.h>

#include "mount/mount_point.h"

namespace filed {

// Connects the session with a mount on `point`: with mount(2) as root, else with fusermount3. Throws
// Error, with what the kernel or fusermount3 has said. From then on libfuse writes to filed's log.
void mount_session(fuse_session* session, const MountPoint& point, bool allow_other);

}  // namespace filed
