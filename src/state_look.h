// Looks at the state file before a start, and changes nothing: for what can be known without opening
// it as a database.
#pragma once

#include <string>

#include "confinement.h"

namespace filed {

// Throws Error with the reason for which a start would refuse this file, or could not make it. What
// lies inside is for the start itself to find, except its kind and its version.
void look_at_state(const std::string& path, const Identity& identity, bool makes_directory);

// True if a process has the file locked, as a filed does that serves it.
bool is_state_in_use(const std::string& path);

}  // namespace filed
