// The launcher: the process that forks for filed. Small, one thread, no SQLite, no FUSE. It keeps
// the rights to switch to a job's owner, to kill and to unmount.
#pragma once

#include "base/fd.h"
#include "launcher/launcher_settings.h"

namespace filed {

// Serves filed over `socket` until it is told to quit or filed is gone. Then it kills what still
// runs, unmounts if the mount is filed's, and exits. To be called in a fresh fork of filed, with
// one thread.
[[noreturn]] void run_launcher(const LauncherSettings& settings, Fd socket) noexcept;

}  // namespace filed
