// Confinement: what a process may reach of the filesystem, the network and other processes, and which
// capabilities it keeps. One implementation for three uses: jobs, filed itself, and filed-launch.
//
// A Sandbox is prepared once, when errors can still be reported. It is applied many times, each
// time by the process that is to be confined: for a job, between fork and exec. Landlock does most
// of it; a seccomp filter closes what Landlock has no rule for. See landlock.h and seccomp.h.
#pragma once

#include <linux/filter.h>
#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "sandbox/spec.h"

namespace filed {

// What a sandbox is for, beyond what the admin asked for. The defaults are those of jobs.
struct SandboxOptions {
  std::vector<PathGrant> paths;  // granted without asking; see program.h for the shell's

  // Signals, abstract sockets and (from ABI 9) socket files outside of the sandbox are out of
  // reach. Off for filed itself, because its death must reach the launcher as a signal (this also
  // restricts PR_SET_PDEATHSIG) and because its log may go to /dev/log.
  bool scoped = true;

  // Root keeps only the capabilities that work within what is granted (see capabilities.h).
  bool limit_capabilities = true;

  // No pushing of input into a terminal that the process was started at (TIOCSTI). Jobs have none.
  bool guard_terminal = false;
};

class Sandbox {
 public:
  // Opens every path of `spec` and of `options`, and builds the ruleset and the filter from them.
  // /dev/null is always granted. A path is followed through symlinks and stands for the file that
  // it leads to now. One that passes through a directory that the same sandbox makes writable is
  // left out: it is granted already, and a job could have put a link to anything in its place.
  //
  // Throws Error if a path that is not left out does not exist, cannot be granted, or is a directory
  // where a file was meant. If spec.required is true, also throws Error if the kernel has no Landlock,
  // is too old for a port list (ABI 4), or lacks seccomp and the network or the ports are limited.
  // Anything else that is not enforced is in warnings().
  //
  // Must not be called where looking up one of the paths could wait for the caller (the loop's
  // thread and the queue's own mount).
  static Sandbox prepare(const SandboxSpec& spec, const SandboxOptions& options = {});

  Sandbox(Sandbox&&) = default;
  Sandbox& operator=(Sandbox&&) = default;

  // Confines the calling thread and what it will start, for good. Makes system calls only: it may
  // be called between fork (or clone with CLONE_VM) and exec, as often as wanted, also within
  // another sandbox. Returns 0, or an errno with the failed step's name in *step; the process must
  // not go on then, as it may be confined in part.
  int apply(const char** step) const noexcept;

  // apply() as a plain function; `sandbox` is a const Sandbox*.
  static int confine(void* sandbox, const char** step) noexcept;

  // What this kernel does not enforce, a line each; empty on a current kernel.
  const std::vector<std::string>& warnings() const { return warnings_; }

  // The granted path, as written, that is `path` or a directory above it; empty if there is none.
  // For a `path` that does not exist, its directory counts.
  std::string grant_over(const std::string& path, bool writable_only) const;

  // The ruleset; -1 without Landlock. Close-on-exec.
  int ruleset() const { return ruleset_.get(); }

 private:
  struct Granted {
    std::string path;
    dev_t dev;
    ino_t ino;
    bool writable;
  };

  Sandbox() = default;

  Fd ruleset_;
  uint32_t restrict_flags_ = 0;
  std::vector<sock_filter> filter_;
  bool limit_capabilities_ = false;
  std::vector<Granted> granted_;
  std::vector<std::string> warnings_;
};

}  // namespace filed
