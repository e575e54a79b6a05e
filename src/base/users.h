// Users and groups, by name or number, and becoming one of them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace filed {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;  // the primary group
};

// Throw Error("user `x`: there is no such user").
User find_user(const std::string& name_or_number);
gid_t find_group(const std::string& name_or_number);

// While it lives, files are opened and made as another user. Throws Error.
class ActingAs {
 public:
  explicit ActingAs(const User& user);
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

 private:
  User before_;
};

// Becomes `user` for good: real, effective and saved ids, groups, and no capability left. Throws
// Error, also when it could be undone.
void become(const User& user);

}  // namespace filed
