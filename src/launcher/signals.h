// Resets and blocks the signals of the launcher. Lets go of a child that has asked the launcher to
// trace it.
#pragma once

#include <sys/types.h>

namespace filed {

// Sets all of them to their defaults, so that none is ignored in a job. Then blocks all of them.
void take_over_signals();

// Takes note of the stop of a process or thread that has asked to be traced by us, and lets it go on
// untraced, with the signal that it was about to get.
void stop_tracing(pid_t pid);

}  // namespace filed
