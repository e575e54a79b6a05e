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

// PATH where nothing else sets it.
constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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

// The environment of one attempt, as execve wants it. Its memory is used again by the next build().
struct EnvironmentBlock {
  std::string text;             // all NAME=value, each with its NUL
  std::vector<size_t> offsets;  // where they begin in `text`
  std::vector<char*> pointers;  // the same, and a null
  char* home = nullptr;         // the value of HOME in it
};

// Builds the environments of attempts: PATH, HOME, USER, LOGNAME, SHELL, the FILED_ variables, and
// [env], which may replace all but the FILED_ variables.
class Environment {
 public:
  explicit Environment(std::string mount_dir);

  // [env] for the attempts from now on. Names that begin FILED_ are ignored.
  void configure(const std::vector<std::pair<std::string_view, std::string_view>>& env);

  // Replaces what is in `block`. `mark` is the first entry (NAME=value), where a search finds it
  // soonest.
  void build(const StartMessage& attempt, const User& user, std::string_view mark,
             EnvironmentBlock& block) const;

 private:
  const std::string mount_dir_;
  std::vector<std::pair<std::string, std::string>> env_;
  bool sets_path_ = false;
  bool sets_home_ = false;
  bool sets_user_ = false;
  bool sets_logname_ = false;
  bool sets_shell_ = false;
};

}  // namespace filed
