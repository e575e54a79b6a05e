// Decides which restrictions of a sandbox a kernel can enforce. The decisions are apart from the
// system calls, so that tests can ask about kernels that they do not run on.
#pragma once

#include <string>
#include <vector>

#include "sandbox/landlock.h"
#include "sandbox/sandbox.h"
#include "sandbox/seccomp.h"
#include "sandbox/spec.h"

namespace filed {

struct Kernel {
  int landlock_abi = 0;    // 0: none
  int landlock_error = 0;  // then: ENOSYS or EOPNOTSUPP
  bool seccomp = false;    // there, and this machine's numbers are known
};

// The running one.
Kernel this_kernel();

struct Plan {
  int abi = 0;  // to be used; 0: no Landlock
  landlock::Handled landlock;
  seccomp::Denied seccomp;
  std::vector<std::string> warnings;  // what is not enforced
};

// Throws Error when spec.required and something that was asked for would not be enforced.
Plan make_plan(const SandboxSpec& spec, const SandboxOptions& options, const Kernel& kernel);

}  // namespace filed
