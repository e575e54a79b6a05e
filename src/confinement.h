// Decides at a start which user the daemon serves as and what its jobs may reach. Then gives up the
// daemon's own rights: its user and its capabilities, and, if jobs have a sandbox, its access to
// files (by Landlock).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/privileges.h"
#include "base/users.h"
#include "config/options.h"
#include "config/settings.h"
#include "sandbox/sandbox.h"

namespace filed {

// The users of the daemon and of its jobs.
struct Identity {
  bool root = false;               // started by root
  std::optional<UserIds> user;     // of all jobs, as configured
  bool owner_mode = false;         // attempts run as the owners of their jobs
  std::optional<UserIds> serving;  // root's filed: the user that it switches to before it serves
  Capabilities kept = 0;           // the capabilities that it keeps then
};

// Throws Error if there is no such user or group, if only root may switch to it, if a container does
// not map it, or if jobs would run as the user that serves.
Identity find_identity(const DaemonSettings& settings);

// The configuration that a reload reads; empty if there is none.
std::string config_file(const Options& options);

// The sandbox of the jobs; empty if none is configured. Throws Error.
std::optional<Sandbox> prepare_job_sandbox(const Settings& settings);

// Throws Error if jobs may write one of the paths in `own`, which are filed's own files. Logs a
// warning if jobs may read one.
void check_own_files(const Sandbox& jobs, const std::vector<std::string>& own);

// Gives up all rights that are not needed to serve. If `sandboxed`, also access to all files but
// the state, the configuration and /proc. Throws Error.
void drop_rights(const Identity& identity, bool sandboxed, const Options& options,
                 const Settings& settings, const std::string& state_file);

}  // namespace filed
