#include "confinement.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "sandbox/program.h"

namespace filed {
namespace {

// Serving needs the directory of the state file, that of the configuration, and /proc, to find and
// kill the jobs after the launcher has died. It needs nothing that its jobs may have. It never needs
// its own mount, because only the notifier makes system calls there.
void confine_daemon(const Options& options, const Settings& settings,
                    const std::string& state_file) {
  SandboxSpec spec;
  spec.required = settings.sandbox.required;
  SandboxOptions grants;
  grants.scoped = false;
  grants.paths.push_back({directory_of(state_file), true, false});
  if (std::string file = config_file(options); !file.empty()) {
    grants.paths.push_back({directory_of(file), false, false});
    // A link leads to the file that is opened.
    if (auto real = real_path(file)) grants.paths.push_back({directory_of(*real), false, false});
  }
  grants.paths.push_back({"/proc", false, false});
  const char* step = "";
  if (int error = Sandbox::prepare(spec, grants).apply(&step)) {
    throw_errno(std::string("sandbox: ") + step, error);
  }
}

// A job with the uid of this process could stop it, trace it and read its state.
void check_serving(const Identity& identity, const DaemonSettings& settings) {
  std::string name = settings.serve_as.empty() ? std::to_string(identity.serving->uid)
                                               : escaped(settings.serve_as);
  if (identity.serving->uid == 0) throw Error("serve_as `" + name + "`: this may not be root");
  if (identity.user && identity.user->uid == kServingId) {
    throw Error("user `" + escaped(settings.user) + "`: no job may run as this user");
  }
  if (identity.user && identity.user->uid == identity.serving->uid) {
    throw Error("serve_as `" + name + "`: jobs run as this user; filed needs one of its own");
  }
  if (identity.user) ScopedEffectiveUser{*identity.user};
  ScopedEffectiveUser{*identity.serving};
}

}  // namespace

Identity find_identity(const DaemonSettings& settings) {
  Identity identity;
  if (settings.user.empty() && !settings.group.empty()) {
    throw Error("group `" + escaped(settings.group) + "`: it needs a user");
  }
  identity.root = geteuid() == 0;
  if (!identity.root) {
    for (const std::string& name : {settings.user, settings.serve_as}) {
      if (name.empty() || find_user(name).uid == geteuid()) continue;
      throw Error("user `" + name + "`: only root can become another user");
    }
    return identity;
  }
  if (settings.user.empty()) {
    identity.owner_mode = true;
  } else {
    identity.user = find_user(settings.user);
    if (!settings.group.empty()) {
      identity.user = user_in_group(identity.user->uid, find_group(settings.group));
    }
  }
  // Serving needs no rights, because the state is open and the launcher starts the jobs. But if the
  // launcher is killed, this process kills the jobs of all users.
  identity.serving = serving_user(settings.serve_as);
  identity.kept = capability(CAP_KILL);
  check_serving(identity, settings);
  return identity;
}

std::string config_file(const Options& options) {
  if (!options.config_file && options.mount_dir) return "";
  return options.config_file.value_or(kDefaultConfigFile);
}

std::optional<Sandbox> prepare_job_sandbox(const Settings& settings) {
  if (settings.sandbox.empty()) return std::nullopt;
  SandboxOptions options;
  options.paths = grants_to_start(settings.queue.shell);
  Sandbox sandbox = Sandbox::prepare(settings.sandbox, options);
  for (const std::string& warning : sandbox.warnings()) {
    log_warning("sandbox: %s", warning.c_str());
  }
  return sandbox;
}

// A grant covers everything below its path.
void check_own_files(const Sandbox& jobs, const std::vector<std::string>& own) {
  for (const std::string& path : own) {
    if (std::string grant = jobs.grant_over(path, true); !grant.empty()) {
      throw Error("sandbox: " + escaped(path) + " lies in " + escaped(grant) +
                  ", which jobs may write");
    }
    if (std::string grant = jobs.grant_over(path, false); !grant.empty()) {
      log_warning("sandbox: %s lies in %s, which jobs may read", escaped(path).c_str(),
                  escaped(grant).c_str());
    }
  }
}

void drop_rights(const Identity& identity, bool sandboxed, const Options& options,
                 const Settings& settings, const std::string& state_file) {
  // In this order: dropping the bounding set needs a capability that the sandbox takes away, and
  // only root may be able to open what the sandbox grants.
  if (identity.root) {
    drop_bounding_set();
    prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
  }
  if (sandboxed) confine_daemon(options, settings, state_file);
  if (identity.serving) {
    switch_user(*identity.serving, identity.kept);
    if (identity.serving->uid == kServingId) {
      log_info("serving as user %u, because there is no user %s", kServingId, kServingName);
    }
  } else {
    keep_capabilities(0, 0);
  }
}

}  // namespace filed
