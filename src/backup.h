// Makes a copy of a state file, as it was at one moment. A filed may serve the state meanwhile.
#pragma once

#include <string>

namespace filed {

// The copy has all that was acknowledged before the call. It is one file, `to`, with mode 0600 and
// checked for damage. It replaces a file of that name only when it is complete and on the disk. `from`
// has no symbolic links in its directory. Throws Error; then `to` is as it was.
void back_up(const std::string& from, const std::string& to);

}  // namespace filed
