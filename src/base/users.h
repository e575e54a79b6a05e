// Users and groups: finding them by name or number, and switching a process to a user.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/privileges.h"

namespace filed {

// The user and groups of a process.
struct UserIds {
  uid_t uid = 0;
  gid_t gid = 0;                   // the primary group
  std::vector<gid_t> groups = {};  // the supplementary ones
};

// Throw Error("user `x`: there is no such user").
UserIds find_user(const std::string& name_or_number);
gid_t find_group(const std::string& name_or_number);

// All groups of the user, `gid` among them, as the group database has them; nothing if there are
// more than the kernel allows.
std::optional<std::vector<gid_t>> groups_of(const std::string& name, gid_t gid);

// The user with another primary group. The supplementary ones are those that the group database
// gives the user, and `gid`.
UserIds user_in_group(uid_t uid, gid_t gid);

// The unprivileged user that a daemon switches to: the user `filed` where there is one, else
// `nobody`.
UserIds unprivileged_user();

// While it lives, files are opened and made as another user. Throws Error.
class ScopedEffectiveUser {
 public:
  explicit ScopedEffectiveUser(const UserIds& user);
  ~ScopedEffectiveUser();
  ScopedEffectiveUser(const ScopedEffectiveUser&) = delete;
  ScopedEffectiveUser& operator=(const ScopedEffectiveUser&) = delete;

 private:
  UserIds before_;
};

// Switches to `user` for good: real, effective and saved ids, and groups. Of the capabilities, only
// those in `kept` stay, and they are effective. Reads no file. Throws Error, also if a check
// afterwards shows that the switch is not complete or can be undone.
void switch_user(const UserIds& user, Capabilities kept);

}  // namespace filed
