#include "sandbox/sandbox.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "sandbox/capabilities.h"
#include "sandbox/landlock.h"
#include "sandbox/plan.h"
#include "sandbox/resolve.h"
#include "sandbox/seccomp.h"

namespace filed {
namespace {

constexpr const char* kDevNull = "/dev/null";

// A grant on its way to becoming a rule.
struct Opened {
  PathGrant grant;
  Resolved resolved;
  int error = 0;
};

// Whether the path was looked up in a directory that `all` makes writable.
bool passes_writable(const Opened& opened, const std::vector<Opened>& all) {
  return std::any_of(all.begin(), all.end(), [&](const Opened& other) {
    if (!other.grant.writable || other.error != 0 || !S_ISDIR(other.resolved.st.st_mode))
      return false;
    const std::vector<FileId>& directories = opened.resolved.directories;
    return std::find(directories.begin(), directories.end(), file_id(other.resolved.st)) !=
           directories.end();
  });
}

std::vector<Opened> open_all(const SandboxSpec& spec, const SandboxOptions& options) {
  std::vector<PathGrant> grants = spec.paths;
  grants.insert(grants.end(), options.paths.begin(), options.paths.end());
  if (access(kDevNull, F_OK) == 0) grants.push_back({kDevNull, true, true});

  std::vector<Opened> all(grants.size());
  for (size_t i = 0; i < grants.size(); ++i) {
    all[i].grant = std::move(grants[i]);
    all[i].error = resolve(all[i].grant.path, &all[i].resolved);
  }
  std::vector<bool> left_out(all.size());
  for (size_t i = 0; i < all.size(); ++i) left_out[i] = passes_writable(all[i], all);
  std::vector<Opened> kept;
  for (size_t i = 0; i < all.size(); ++i) {
    if (left_out[i]) continue;
    const std::string& path = all[i].grant.path;
    if (all[i].error != 0) throw_errno("sandbox: " + path, all[i].error);
    if (all[i].grant.must_be_file && S_ISDIR(all[i].resolved.st.st_mode)) {
      throw Error("sandbox: " + path + ": is a directory, a file was expected");
    }
    kept.push_back(std::move(all[i]));
  }
  return kept;
}

void add_path(const Fd& ruleset, int fd, mode_t mode, bool writable, const Plan& plan,
              const std::string& name) {
  uint64_t rights =
      landlock::rule_rights(plan.abi, writable ? landlock::Access::kAll : landlock::Access::kRead,
                            S_ISDIR(mode), plan.landlock.scoped);
  if (landlock::add_path(ruleset.get(), fd, rights) == 0) return;
  // The kernel's words for this one are "file descriptor in bad state".
  if (errno == EBADFD) throw Error("sandbox: " + name + ": nothing that could be granted");
  throw_errno("sandbox: " + name);
}

void add_ports(const Fd& ruleset, const std::vector<uint16_t>& ports, uint64_t right) {
  for (uint16_t port : ports) {
    if (landlock::add_port(ruleset.get(), port, right) != 0) {
      throw_errno("sandbox: port " + std::to_string(port));
    }
  }
}

bool same_file(const struct stat& st, dev_t dev, ino_t ino) {
  return st.st_dev == dev && st.st_ino == ino;
}

}  // namespace

Sandbox Sandbox::prepare(const SandboxSpec& spec, const SandboxOptions& options) {
  Plan plan = make_plan(spec, options, this_kernel());
  Sandbox sandbox;
  sandbox.limit_capabilities_ = options.limit_capabilities;
  sandbox.filter_ = seccomp::program(plan.seccomp);

  std::vector<Opened> all = open_all(spec, options);
  for (const Opened& opened : all) {
    const struct stat& st = opened.resolved.st;
    sandbox.granted_.push_back({opened.grant.path, st.st_dev, st.st_ino, opened.grant.writable});
  }
  if (plan.abi > 0) {
    sandbox.ruleset_ =
        Fd(landlock::create_ruleset(landlock::ruleset_attr(plan.abi, plan.landlock)));
    if (!sandbox.ruleset_) throw_errno("sandbox: landlock ruleset");
    sandbox.restrict_flags_ = landlock::restrict_flags(plan.abi);
    for (const Opened& opened : all) {
      add_path(sandbox.ruleset_, opened.resolved.fd.get(), opened.resolved.st.st_mode,
               opened.grant.writable, plan, opened.grant.path);
    }
    if (plan.abi >= 4) {
      add_ports(sandbox.ruleset_, spec.connect, landlock::kAccessNetConnectTcp);
      add_ports(sandbox.ruleset_, spec.bind, landlock::kAccessNetBindTcp);
    }
  }
  sandbox.warnings_ = std::move(plan.warnings);
  return sandbox;
}

int Sandbox::apply(const char** step) const noexcept {
  *step = "no_new_privs";
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  if (limit_capabilities_) {
    *step = "capabilities";
    if (int error = limit_capabilities(kept_capabilities()); error != 0) return error;
  }
  if (ruleset_) {
    *step = "landlock";
    if (landlock::restrict_self(ruleset_.get(), restrict_flags_) != 0) return errno;
  }
  if (!filter_.empty()) {
    *step = "seccomp";
    if (int error = seccomp::install(filter_); error != 0) return error;
  }
  *step = nullptr;
  return 0;
}

int Sandbox::confine(void* sandbox, const char** step) noexcept {
  return static_cast<const Sandbox*>(sandbox)->apply(step);
}

std::string Sandbox::grant_over(const std::string& path, bool writable_only) const {
  std::string existing = path;
  std::optional<std::string> real;
  while (!(real = real_path(existing))) existing = directory_of(existing);
  for (std::string place = *real;; place.resize(place.rfind('/'))) {
    struct stat st;
    if (stat(place.empty() ? "/" : place.c_str(), &st) == 0) {
      for (const Granted& granted : granted_) {
        if (writable_only && !granted.writable) continue;
        if (same_file(st, granted.dev, granted.ino)) return granted.path;
      }
    }
    if (place.empty() || place == "/") return {};
  }
}

}  // namespace filed
