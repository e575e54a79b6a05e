// What a start decides and looks at before it changes anything. `filed -check` does the same, and
// nothing more: so it finds what a start would refuse.
#pragma once

#include <optional>
#include <string>

#include "config/options.h"
#include "config/settings.h"
#include "confinement.h"
#include "mount/fixed_nodes.h"
#include "sandbox/sandbox.h"

namespace filed {

struct StartPlan {
  Identity identity;
  std::string state_file;  // absolute, its directory without symbolic links
  FixedNodes::Defaults nodes;
  bool allow_other = false;
  std::optional<Sandbox> job_sandbox;
  bool is_served = false;  // by a filed that runs with this mount point and this state
};

// Throws Error for what a start would refuse, and logs a warning for what it would only warn of.
// With `served_is_fine`, a filed that serves this very queue is none; otherwise that is an error.
StartPlan plan_start(const Options& options, const Settings& settings, bool served_is_fine);

}  // namespace filed
