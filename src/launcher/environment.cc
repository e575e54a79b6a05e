#include "launcher/environment.h"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/clock.h"
#include "base/fd.h"
#include "base/users.h"

namespace filed {
namespace {

constexpr int64_t kRememberNs = 5 * kNsPerSec;
constexpr size_t kMaxUsers = 256;                // remembered at once
constexpr size_t kMaxPasswdEntry = 1024 * 1024;  // a longer one counts as unknown

User look_up(uid_t uid) {
  User user;
  user.name = std::to_string(uid);
  user.home = "/";
  // glibc takes a database that it cannot open for one without the user.
  Fd probe(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
  if (!probe && cannot_look_up(errno)) {
    user.error = errno;
    return user;
  }
  std::vector<char> buffer(4096);
  passwd entry{};
  passwd* found = nullptr;
  int error;
  while ((error = getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found)) == ERANGE &&
         buffer.size() < kMaxPasswdEntry) {
    buffer.resize(2 * buffer.size());
  }
  if (found == nullptr) {
    if (cannot_look_up(error)) user.error = error;
    return user;
  }
  user.known = true;
  user.name = entry.pw_name;
  if (entry.pw_dir != nullptr && entry.pw_dir[0] == '/') user.home = entry.pw_dir;
  user.group = entry.pw_gid;
  user.groups = groups_of(entry.pw_name, entry.pw_gid).value_or(std::vector<gid_t>());
  return user;
}

}  // namespace

bool User::is_member(gid_t gid) const {
  return std::find(groups.begin(), groups.end(), gid) != groups.end();
}

const User& UserCache::find(uid_t uid) {
  int64_t now_ns = SystemClock().mono_ns();
  auto entry = users_.find(uid);
  if (entry != users_.end() && entry->second.user.error == 0 &&
      now_ns - entry->second.read_at_ns < kRememberNs) {
    return entry->second.user;
  }
  if (entry == users_.end() && users_.size() >= kMaxUsers) users_.clear();
  return users_.insert_or_assign(uid, Entry{look_up(uid), now_ns}).first->second.user;
}

Environment::Environment(std::string mount_dir) : mount_dir_(std::move(mount_dir)) {}

void Environment::configure(const std::vector<std::pair<std::string_view, std::string_view>>& env) {
  env_.clear();
  sets_path_ = sets_home_ = sets_user_ = sets_logname_ = sets_shell_ = false;
  for (const auto& [name, value] : env) {
    if (name.substr(0, 6) == "FILED_") continue;
    // If a name is set twice, the last one counts. Only one is kept, because programs differ in
    // which of two they see.
    auto is_same = [wanted = name](const auto& entry) { return entry.first == wanted; };
    env_.erase(std::remove_if(env_.begin(), env_.end(), is_same), env_.end());
    if (name == "PATH") sets_path_ = true;
    if (name == "HOME") sets_home_ = true;
    if (name == "USER") sets_user_ = true;
    if (name == "LOGNAME") sets_logname_ = true;
    if (name == "SHELL") sets_shell_ = true;
    env_.emplace_back(name, value);
  }
}

void Environment::build(const StartMessage& attempt, const User& user, std::string_view mark,
                        EnvironmentBlock& block) const {
  std::string& text = block.text;
  text.clear();
  block.offsets.clear();
  size_t home_offset = 0;
  auto add = [&](std::string_view name, std::string_view value) {
    block.offsets.push_back(text.size());
    text.append(name).append(1, '=').append(value).append(1, '\0');
  };
  auto add_number = [&](std::string_view name, uint64_t value) {
    char digits[24];
    auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    add(name, {digits, static_cast<size_t>(end - digits)});
  };

  block.offsets.push_back(0);
  text.append(mark).append(1, '\0');

  if (!sets_path_) add("PATH", kDefaultPath);
  if (!sets_home_) {
    home_offset = text.size() + 5;
    add("HOME", user.home);
  }
  if (!sets_user_) add("USER", user.name);
  if (!sets_logname_) add("LOGNAME", user.name);
  if (!sets_shell_) add("SHELL", attempt.shell);
  add("FILED_ID", attempt.id);
  if (!attempt.hook) {
    add_number("FILED_ATTEMPT", static_cast<uint64_t>(attempt.number));
    add_number("FILED_RETRIES", static_cast<uint64_t>(attempt.retries));
  }
  add("FILED_MOUNT", mount_dir_);
  for (const auto& [name, value] : attempt.env) add(name, value);
  for (const auto& [name, value] : env_) {
    if (name == "HOME") home_offset = text.size() + 5;
    add(name, value);
  }

  block.pointers.clear();
  for (size_t offset : block.offsets) block.pointers.push_back(text.data() + offset);
  block.pointers.push_back(nullptr);
  block.home = text.data() + home_offset;
}

}  // namespace filed
