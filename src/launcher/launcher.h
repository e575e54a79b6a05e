// The launcher: the process that forks for filed. Small, one thread, no SQLite, no FUSE; it keeps
// whatever rights are needed to become a job's owner, to kill and to unmount.
#pragma once

#include "base/fd.h"
#include "launcher/client.h"

namespace filed {

// Serves filed over `socket` until told to quit or until filed is gone; then kills what still runs,
// detaches the mount if it is ours, and exits. To be called in a fresh fork of filed, with one
// thread.
[[noreturn]] void run_launcher(const LauncherSettings& settings, Fd socket) noexcept;

}  // namespace filed
