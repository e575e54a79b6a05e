// The daemon: puts the parts together and runs the loop.
#pragma once

#include <optional>
#include <string>

#include "config/options.h"
#include "config/settings.h"

namespace filed {

// Serves until it is told to stop, and returns the exit status: 0 after an orderly stop, 1 when the
// mount or the launcher was lost. Throws Error for what keeps it from starting; nothing is left
// behind then.
int run_daemon(const Options& options, const Settings& settings);

// What can be checked without starting. Throws Error.
void check_daemon(const Options& options, const Settings& settings);

}  // namespace filed
