// The files that must be granted so that a program can start: its own, and those that the kernel
// and the dynamic loader read before its first instruction. Not the files that it opens later. Also
// finds a command by its name.
#pragma once

#include <string>
#include <vector>

#include "sandbox/spec.h"

namespace filed {

// The files needed to start `path`, all for reading and executing only, each once:
//   - the file itself; for a script (#!) also its interpreter, with what that needs;
//   - the ELF interpreter that it names (the dynamic loader); a static program has none;
//   - the shared libraries that it needs, and those that they need, where the loader finds them:
//     the object's own RUNPATH or RPATH, the loader's cache, its default directories;
//   - /etc/ld.so.cache (glibc) or /etc/ld-musl-ARCH.path (musl), where there is one.
// Throws Error when `path` does not exist. What cannot be read or found is left out: if it matters,
// the exec says so. No symlink is resolved here; Sandbox does.
std::vector<PathGrant> grants_to_start(const std::string& path);

// `command` as a shell finds it: a name with a slash stands for itself, another is looked for in
// `search` (of the form of $PATH). Returns the path, or an empty string with `error` EACCES (found,
// but not to be executed) or ENOENT.
std::string find_command(const std::string& command, const std::string& search, int* error);

}  // namespace filed
