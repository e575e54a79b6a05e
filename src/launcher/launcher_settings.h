// What the launcher is told when it is forked. Only the limits and the environment can be changed
// later.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/users.h"
#include "config/settings.h"
#include "launcher/order_words.h"

namespace filed {

class CgroupTree;

// Called in the child, last before exec, to give up rights for good. Returns 0, or an errno with
// *step set to a string constant that names what failed; the attempt then does not run. It runs
// between fork and exec in memory that it shares with the launcher: it may only make system calls
// and write to its own stack and *step.
using ConfineHook = int (*)(void* context, const char** step) noexcept;

struct LauncherSettings {
  // Absolute and without symbolic links, because the launcher's directory is /.
  std::string mount_dir;

  // For attempts until the first LauncherClient::configure().
  LimitSettings limits;
  std::vector<std::pair<std::string, std::string>> env;  // names that begin FILED_ are ignored

  // The rights of an attempt: its job's owner's (needs root); or else those of `user` (needs root);
  // or else the launcher's own.
  bool as_owner = false;
  std::optional<UserIds> user;

  // The user that filed serves as, if root started it: no attempt runs as that user, nor as
  // kServingId.
  std::optional<uid_t> serving;

  // The hook, and the descriptors that it uses: they stay open in the launcher, not in jobs.
  ConfineHook confine = nullptr;
  void* confine_context = nullptr;
  std::vector<int> confine_descriptors;

  bool use_fusermount = false;  // unmount with fusermount3, not with umount2

  // LauncherClient's. Shared with it.
  OrderWords* orders = nullptr;
  int kill_files = -1;  // a socket (kill_files.h); -1: none

  // Marks this daemon's jobs: each has FILED_RUN=TOKEN.ATTEMPT in its environment. Where there are
  // no cgroups, kill_marked() finds them by it when both processes have died. Letters and digits.
  std::string token;

  // Where each attempt gets a group; null: nowhere. Must outlive the client.
  CgroupTree* cgroups = nullptr;

  // What becomes of processes that have left the session of their attempt when it ends.
  KillLeftovers kill_leftovers = KillLeftovers::kSession;
};

}  // namespace filed
