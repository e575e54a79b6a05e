#include "base/users.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/error.h"
#include "base/log.h"

namespace filed {
namespace {

std::optional<unsigned> parse_id(const std::string& text) {
  unsigned id = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id == ~0U) return std::nullopt;
  return id;
}

}  // namespace

User find_user(const std::string& name_or_number) {
  auto id = parse_id(name_or_number);
  const passwd* entry = id ? getpwuid(*id) : getpwnam(name_or_number.c_str());
  if (entry != nullptr) return {entry->pw_uid, entry->pw_gid};
  if (id) return {*id, *id};
  throw Error("user `" + printable(name_or_number) + "`: there is no such user");
}

gid_t find_group(const std::string& name_or_number) {
  if (auto id = parse_id(name_or_number)) return *id;
  const group* entry = getgrnam(name_or_number.c_str());
  if (entry == nullptr) {
    throw Error("group `" + printable(name_or_number) + "`: there is no such group");
  }
  return entry->gr_gid;
}

ActingAs::ActingAs(const User& user) : before_{geteuid(), getegid()} {
  if (setegid(user.gid) != 0) throw_errno("setegid");
  if (seteuid(user.uid) != 0) throw_errno("seteuid");
}

ActingAs::~ActingAs() {
  if (seteuid(before_.uid) != 0 || setegid(before_.gid) != 0) {
    log_error("cannot return to user %u", static_cast<unsigned>(before_.uid));
    _exit(1);
  }
}

void become(const User& user) {
  const passwd* entry = getpwuid(user.uid);
  int groups = entry != nullptr ? initgroups(entry->pw_name, user.gid) : setgroups(0, nullptr);
  if (groups != 0) throw_errno("setgroups");
  if (setresgid(user.gid, user.gid, user.gid) != 0) throw_errno("setresgid");
  if (setresuid(user.uid, user.uid, user.uid) != 0) throw_errno("setresuid");
  if (user.uid != 0 && setuid(0) == 0) throw Error("privileges could not be dropped");
}

}  // namespace filed
