// The daemon: puts the parts together and runs the loop.
#pragma once

#include <optional>
#include <string>

#include "config/options.h"
#include "config/settings.h"

namespace filed {

// Serves until a signal stops it. Returns the exit status: 0 after an orderly stop; 1 if the mount or
// the launcher was lost, the stop took too long, or the state could not be closed. Throws Error if it
// cannot start; then no mount and no process is left.
int run_daemon(const Options& options, const Settings& settings);

// Checks what can be checked without starting: the paths, the users, the sandbox. Throws Error.
void check_daemon(const Options& options, const Settings& settings);

}  // namespace filed
