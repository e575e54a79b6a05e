#include "base/users.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#if defined(FILED_STATIC) && defined(__GLIBC__)
#include <nss.h>
#endif

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/error.h"
#include "base/log.h"

namespace filed {
namespace {

constexpr size_t kMaxGroups = 65536;  // NGROUPS_MAX

#if defined(FILED_STATIC) && defined(__GLIBC__)
// A program that is statically linked with glibc would load the modules of /etc/nsswitch.conf. They
// only work with the glibc that built them; libnss-systemd's makes filed crash. So only the files
// /etc/passwd and /etc/group are read, as musl always does.
[[maybe_unused]] const bool kFilesOnly = [] {
  for (const char* database : {"passwd", "group", "initgroups"}) {
    __nss_configure_lookup(database, "files");
  }
  return true;
}();
#endif

std::optional<unsigned> parse_id(const std::string& text) {
  unsigned id = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id == ~0U) return std::nullopt;
  return id;
}

std::vector<gid_t> current_groups() {
  int count = getgroups(0, nullptr);
  std::vector<gid_t> groups(static_cast<size_t>(std::max(count, 0)));
  count = getgroups(count, groups.data());
  if (count < 0) throw_errno("getgroups");
  groups.resize(static_cast<size_t>(count));
  return groups;
}

bool is_now(const UserIds& user) {
  uid_t uid[3];
  gid_t gid[3];
  if (getresuid(&uid[0], &uid[1], &uid[2]) != 0 || getresgid(&gid[0], &gid[1], &gid[2]) != 0) {
    return false;
  }
  std::vector<gid_t> wanted = user.groups;
  std::vector<gid_t> groups = current_groups();
  std::sort(wanted.begin(), wanted.end());
  std::sort(groups.begin(), groups.end());
  return std::all_of(uid, uid + 3, [&](uid_t id) { return id == user.uid; }) &&
         std::all_of(gid, gid + 3, [&](gid_t id) { return id == user.gid; }) && groups == wanted;
}

[[noreturn]] void throw_switch(const char* call, unsigned id, int error) {
  if (error != EINVAL) throw_errno(call, error);
  throw Error("user or group " + std::to_string(id) +
              ": this container does not map it; name another one (serve_as, user, group)");
}

}  // namespace

bool cannot_look_up(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == EIO || error == EINTR;
}

UserIds find_user(const std::string& name_or_number) {
  auto id = parse_id(name_or_number);
  errno = 0;
  const passwd* entry = id ? getpwuid(*id) : getpwnam(name_or_number.c_str());
  if (entry == nullptr && cannot_look_up(errno))
    throw_errno("user `" + escaped(name_or_number) + "`");
  if (entry != nullptr) return user_in_group(entry->pw_uid, entry->pw_gid);
  if (id) return {*id, *id};
  throw Error("user `" + escaped(name_or_number) + "`: there is no such user");
}

gid_t find_group(const std::string& name_or_number) {
  if (auto id = parse_id(name_or_number)) return *id;
  errno = 0;
  const group* entry = getgrnam(name_or_number.c_str());
  if (entry == nullptr) {
    if (cannot_look_up(errno)) throw_errno("group `" + escaped(name_or_number) + "`");
    throw Error("group `" + escaped(name_or_number) + "`: there is no such group");
  }
  return entry->gr_gid;
}

std::optional<std::vector<gid_t>> groups_of(const std::string& name, gid_t gid) {
  std::vector<gid_t> groups(64);
  while (groups.size() <= kMaxGroups) {
    int count = static_cast<int>(groups.size());
    if (getgrouplist(name.c_str(), gid, groups.data(), &count) >= 0) {
      groups.resize(static_cast<size_t>(count));
      return groups;
    }
    // Not every C library says how many there are.
    groups.resize(groups.size() * 2);
  }
  return std::nullopt;
}

UserIds user_in_group(uid_t uid, gid_t gid) {
  const passwd* entry = getpwuid(uid);
  if (entry == nullptr) return {uid, gid};
  std::string name = entry->pw_name;
  auto groups = groups_of(name, gid);
  if (!groups) throw Error("user `" + escaped(name) + "`: too many groups");
  return {uid, gid, *std::move(groups)};
}

UserIds serving_user(const std::string& configured) {
  if (!configured.empty()) {
    UserIds user = find_user(configured);
    return {user.uid, user.gid};
  }
  errno = 0;
  if (const passwd* entry = getpwnam(kServingName)) return {entry->pw_uid, entry->pw_gid};
  if (cannot_look_up(errno)) throw_errno(std::string("user `") + kServingName + "`");
  return {kServingId, kServingId};
}

ScopedEffectiveUser::ScopedEffectiveUser(const UserIds& user)
    : before_{geteuid(), getegid(), current_groups()} {
  if (setegid(user.gid) != 0) throw_switch("setegid", user.gid, errno);
  if (setgroups(user.groups.size(), user.groups.data()) != 0) throw_errno("setgroups");
  if (seteuid(user.uid) != 0) throw_switch("seteuid", user.uid, errno);
}

ScopedEffectiveUser::~ScopedEffectiveUser() {
  if (seteuid(before_.uid) != 0 || setegid(before_.gid) != 0 ||
      setgroups(before_.groups.size(), before_.groups.data()) != 0) {
    log_error("cannot return to user %u", static_cast<unsigned>(before_.uid));
    _exit(1);
  }
}

void switch_user(const UserIds& user, Capabilities kept) {
  if (setgroups(user.groups.size(), user.groups.data()) != 0) throw_errno("setgroups");
  if (setresgid(user.gid, user.gid, user.gid) != 0) throw_switch("setresgid", user.gid, errno);
  if (kept != 0 && prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) != 0) throw_errno("keepcaps");
  if (setresuid(user.uid, user.uid, user.uid) != 0) throw_switch("setresuid", user.uid, errno);
  prctl(PR_SET_KEEPCAPS, 0L, 0L, 0L, 0L);
  keep_capabilities(kept, kept);
  if (!is_now(user)) throw Error("privileges could not be dropped");
  if (user.uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) {
    throw Error("privileges could be regained");
  }
}

}  // namespace filed
