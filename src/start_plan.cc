#include "start_plan.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/privileges.h"
#include "launcher/cgroup_tree.h"
#include "launcher/environment.h"
#include "mount/mount_point.h"
#include "mount/session.h"
#include "sandbox/program.h"
#include "state_look.h"

namespace filed {
namespace {

class Planner {
 public:
  Planner(const Options& options, const Settings& settings, bool served_is_fine)
      : options_(options), settings_(settings), served_is_fine_(served_is_fine) {}

  DaemonPlan run() {
    for (auto step : kSteps) (this->*step)();
    return std::move(plan_);
  }

 private:
  using Step = void (Planner::*)();

  void find_users() {
    plan_.identity = find_identity(settings_.daemon);
    plan_.nodes = node_defaults();
    plan_.allow_other = decide_allow_other(settings_.mount.allow_other);
  }

  void look_at_mount_point() {
    bool is_mounted = MountPoint::look(settings_.mount.dir);
    // Resolved, because SQLite is told to follow no links.
    plan_.state_file = with_real_directory(state_file_path(options_, settings_));
    plan_.is_served = is_mounted && is_state_in_use(plan_.state_file);
    if (is_mounted && !(plan_.is_served && served_is_fine_)) {
      throw Error(settings_.mount.dir + ": in use by another filed");
    }
  }

  void look_at_state_file() {
    bool is_default = !options_.state_file && settings_.daemon.state_file.empty();
    look_at_state(plan_.state_file, plan_.identity, is_default);
    if (!plan_.is_served && is_state_in_use(plan_.state_file)) {
      throw Error(plan_.state_file + ": in use by another filed");
    }
  }

  void prepare_sandbox() {
    plan_.job_sandbox = prepare_job_sandbox(settings_);
    if (!plan_.job_sandbox) return;
    std::vector<std::string> own = {plan_.state_file,
                                    real_path(settings_.mount.dir).value_or(settings_.mount.dir)};
    if (std::string file = config_file(options_); !file.empty()) own.push_back(file);
    check_own_files(*plan_.job_sandbox, own);
  }

  void look_at_programs() {
    const std::string& shell = settings_.queue.shell;
    if (access(shell.c_str(), X_OK) != 0) throw_errno("shell " + escaped(shell));
    look_at_hook("on_failure", settings_.hooks.on_failure);
    look_at_hook("on_complete", settings_.hooks.on_complete);
  }

  // Only if it begins with a path: what else the shell makes of it cannot be known.
  static void look_at_hook(const char* name, const std::string& command) {
    std::string program = command.substr(0, command.find_first_of(" \t;&|<>()"));
    if (program.empty() || program[0] != '/' ||
        program.find_first_of("$`\"'\\*?[") != std::string::npos) {
      return;
    }
    if (access(program.c_str(), X_OK) == 0) return;
    log_warning("%s: %s: %s", name, escaped(program).c_str(), strerror(errno));
  }

  void look_at_fuse() {
    if (!plan_.identity.root) {
      int error = 0;
      const char* path = getenv("PATH");
      if (!find_command("fusermount3", path == nullptr ? kDefaultPath : path, &error).empty())
        return;
      throw_errno(settings_.mount.dir + ": cannot mount: fusermount3", error);
    }
    constexpr const char* kDevice = "/dev/fuse";
    if (!Fd(open(kDevice, O_RDWR | O_CLOEXEC))) {
      std::string hint = errno == ENOENT ? "; is the fuse module loaded?" : "";
      throw Error(settings_.mount.dir + ": cannot mount: " + kDevice + ": " + strerror(errno) +
                  hint);
    }
    if ((held_capabilities().effective & capability(CAP_SYS_ADMIN)) == 0) {
      throw Error(settings_.mount.dir + ": cannot mount: " + strerror(EPERM) +
                  "; mounting needs CAP_SYS_ADMIN");
    }
  }

  void look_at_cgroups() {
    if (settings_.containment.cgroup != UseCgroups::kRequired) return;
    CgroupSystem system = find_cgroups();
    if (!system.root) throw Error("cgroup = required: " + escaped(system.reason));
  }

  void look_at_configuration() {
    std::string file = config_file(options_);
    if (file.empty() || !plan_.identity.serving) return;
    ScopedEffectiveUser as_serving(*plan_.identity.serving);
    if (faccessat(AT_FDCWD, file.c_str(), R_OK, AT_EACCESS) == 0) return;
    log_warning("%s: user %u may not read it, so it cannot be read again without a restart",
                escaped(file).c_str(), static_cast<unsigned>(geteuid()));
  }

  FixedNodes::Defaults node_defaults() const {
    const MountSettings& mount = settings_.mount;
    FixedNodes::Defaults defaults;
    defaults.mode = mount.mode;
    UserIds daemon = plan_.identity.user.value_or(UserIds{geteuid(), getegid()});
    defaults.daemon_uid = daemon.uid;
    defaults.daemon_gid = daemon.gid;
    defaults.uid = mount.owner.empty() ? daemon.uid : find_user(mount.owner).uid;
    defaults.gid = mount.group.empty() ? daemon.gid : find_group(mount.group);
    return defaults;
  }

  static constexpr Step kSteps[] = {
      &Planner::find_users,      &Planner::look_at_mount_point,   &Planner::look_at_state_file,
      &Planner::prepare_sandbox, &Planner::look_at_programs,      &Planner::look_at_fuse,
      &Planner::look_at_cgroups, &Planner::look_at_configuration,
  };

  const Options& options_;
  const Settings& settings_;
  const bool served_is_fine_;
  DaemonPlan plan_;
};

}  // namespace

DaemonPlan plan_start(const Options& options, const Settings& settings, bool served_is_fine) {
  return Planner(options, settings, served_is_fine).run();
}

}  // namespace filed
