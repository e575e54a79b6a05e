// Looks up the user that an attempt runs as, and builds the attempt's environment variables, in the
// launcher before the fork.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "launcher/protocol.h"

namespace filed {

// What the user database knows of a user. An unknown user has the number as name, / as home and no
// groups.
struct User {
  int error = 0;  // the errno if the database could not be read; then nothing else is known
  bool known = false;
  std::string name;
  std::string home;
  gid_t group = 0;            // primary; meaningless when not known
  std::vector<gid_t> groups;  // all of them, the primary one too

  bool is_member(gid_t gid) const;
};

// Looks users up and remembers them for 5 s, so that many jobs read the database once and a change
// in it is still seen soon.
class UserCache {
 public:
  // The answer is valid until the next call. An error is not remembered.
  const User& find(uid_t uid);

 private:
  struct Entry {
    User user;
    int64_t read_at_ns;
  };
  std::unordered_map<uid_t, Entry> users_;
};

// Builds the environments of attempts: PATH, HOME, USER, LOGNAME, SHELL, the FILED_ variables, and
// [env], which may replace all but the FILED_ variables.
class Environment {
 public:
  explicit Environment(std::string mount_dir);

  // [env] for the attempts from now on. Names that begin FILED_ are ignored.
  void configure(const std::vector<std::pair<std::string_view, std::string_view>>& env);

  // The environment as execve wants it, valid until the next call of any function. `mark` is its
  // first entry (NAME=value), where a search finds it soonest.
  char* const* build(const StartMessage& attempt, const User& user, std::string_view mark);

  // HOME in what build() made last.
  const char* home() const { return home_; }

 private:
  void add(std::string_view name, std::string_view value);

  const std::string mount_dir_;
  std::vector<std::pair<std::string, std::string>> env_;
  bool sets_path_ = false;
  bool sets_home_ = false;
  bool sets_user_ = false;
  bool sets_logname_ = false;
  bool sets_shell_ = false;

  std::string text_;             // all NAME=value, each with its NUL
  std::vector<size_t> offsets_;  // where they begin in text_
  std::vector<char*> pointers_;
  const char* home_ = "/";
};

}  // namespace filed
