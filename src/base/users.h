// Users and groups: finding them by name or number, which of them serves, and switching a process
// to a user for good or for a while.
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

// The name of the user that only serves: the package makes it.
constexpr const char* kServingName = "filed-serve";
// The user and group that serve where there is no user of that name. No system gives out this
// number: Debian, Alpine and systemd reserve it or leave it free, and a container that maps 65536
// ids has it.
constexpr uid_t kServingId = 65529;

// Throw Error("user `x`: there is no such user"), or with the errno if the database cannot be read.
UserIds find_user(const std::string& name_or_number);
gid_t find_group(const std::string& name_or_number);

// True for an errno of a look-up that says nothing about whether there is such a user or group: no
// descriptors, no memory, a bad disk.
bool cannot_look_up(int error);

// All groups of the user, `gid` among them, as the group database has them; nothing if there are
// more than the kernel allows.
std::optional<std::vector<gid_t>> groups_of(const std::string& name, gid_t gid);

// The user with another primary group. The supplementary ones are those that the group database
// gives the user, and `gid`.
UserIds user_in_group(uid_t uid, gid_t gid);

// The user that a daemon of root switches to before it serves: `configured` (a name or a number),
// or if that is empty, kServingName, or where there is no such user, kServingId. It has no
// supplementary groups, because their rights are not needed. Throws Error.
UserIds serving_user(const std::string& configured);

// While it lives, files are opened and made as another user. Throws Error, which says so if the ids
// do not exist in this user namespace.
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
