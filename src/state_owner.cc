// All files are opened with O_PATH. That follows no link and opens no device, and its close does not
// drop the locks that SQLite holds on the same file.
#include "state_owner.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"

namespace filed {
namespace {

constexpr const char* kSuffixes[] = {"", "-wal", "-journal", "-shm"};
constexpr mode_t kPermissions = 07777;

// Makes it with its final owner. SQLite, as root, then gives the files beside it the same owner.
// Returns false if it is there.
bool make_file(const std::string& path, const UserIds& owner) {
  Fd made(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!made) {
    if (errno == EEXIST) return false;
    throw_errno(path);
  }
  if (fchown(made.get(), owner.uid, owner.gid) != 0) throw_errno(path + ": chown");
  return true;
}

// True for a state of filed, by SQLite's application id in its header.
bool is_state(const std::string& path) {
  constexpr off_t kIdOffset = 68;
  char id[4];
  Fd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return fd && pread(fd.get(), id, sizeof id, kIdOffset) == sizeof id &&
         std::string_view(id, sizeof id) == "fild";
}

// True if the directory has nothing but this state, and those of other queues. Opens no file of this
// one, because closing it would drop SQLite's locks.
bool holds_only_states(const std::string& directory, const std::string& name) {
  std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(directory.c_str()), closedir);
  if (entries == nullptr) throw_errno(directory);
  while (const dirent* entry = readdir(entries.get())) {
    std::string found = entry->d_name;
    if (found == "." || found == "..") continue;
    for (const char* suffix : kSuffixes) {
      if (*suffix != '\0' && found.ends_with(suffix)) found.resize(found.size() - strlen(suffix));
    }
    if (found != name && !is_state(directory + "/" + found)) return false;
  }
  return true;
}

// True if a process has the file open: it could go on writing what no longer belongs to its user. The
// kernel grants a lease for writing only on a file that nobody else has open. It is asked for after
// the file has become root's, so that its former user cannot open it any more.
bool is_open_elsewhere(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) throw_errno(path);
  signal(SIGIO, SIG_IGN);  // comes if root opens the file meanwhile
  bool is_open = fcntl(fd.get(), F_SETLEASE, F_WRLCK) != 0 && errno == EAGAIN;
  fcntl(fd.get(), F_SETLEASE, F_UNLCK);
  signal(SIGIO, SIG_DFL);
  return is_open;
}

// True if the user can remove or rename in the directory what others own there.
bool may_replace_in(const std::string& directory, const struct stat& st, const UserIds& user) {
  if (st.st_uid == user.uid) return true;
  if (st.st_mode & S_ISVTX) return false;
  ScopedEffectiveUser as_user(user);
  return faccessat(AT_FDCWD, directory.c_str(), W_OK, AT_EACCESS) == 0;
}

}  // namespace

bool may_own_state(uid_t uid, const Identity& identity) {
  return uid == 0 || uid == geteuid() || uid == kServingId ||
         (identity.serving && uid == identity.serving->uid) ||
         (identity.user && uid == identity.user->uid);
}

StateTakeover::StateTakeover(const std::string& path, const Identity& identity)
    : StateTakeover(path, identity, false) {}

void StateTakeover::check(const std::string& path, const Identity& identity) {
  StateTakeover(path, identity, true);
}

StateTakeover::StateTakeover(const std::string& path, const Identity& identity, bool dry)
    : dry_(dry) {
  if (!identity.serving) return;
  serving_ = *identity.serving;
  std::string directory = directory_of(path);
  try {
    if (identity.user && identity.user->uid != 0) {
      take_directory(directory, path.substr(path.rfind('/') + 1), identity);
    }
    if (!dry_ && make_file(path, serving_)) made_ = path;
    for (const char* suffix : kSuffixes) take_file(path + suffix, identity);
  } catch (const Error&) {
    give_back();
    throw;
  }
}

StateTakeover::~StateTakeover() { give_back(); }

void StateTakeover::keep() {
  for (const Change& change : changes_) {
    if (change.uid == serving_.uid) continue;
    log_info("%s: belonged to user %u, and now to user %u, which filed serves as",
             escaped(change.path).c_str(), static_cast<unsigned>(change.uid),
             static_cast<unsigned>(serving_.uid));
  }
  changes_.clear();
  made_.clear();
}

void StateTakeover::take_file(const std::string& path, const Identity& identity) {
  Fd fd(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno == ENOENT) return;
  struct stat st {};
  if (!fd || fstat(fd.get(), &st) != 0) throw_errno(path);
  if (S_ISDIR(st.st_mode)) throw_errno(path, EISDIR);
  if (!S_ISREG(st.st_mode)) throw Error(path + ": not a regular file");
  if (!may_own_state(st.st_uid, identity)) {
    throw Error(path + ": belongs to user " + std::to_string(st.st_uid) +
                ", who may have written jobs into it; if you trust it, chown it to root");
  }
  if (st.st_nlink > 1) throw Error(path + ": has another name (a hard link)");
  constexpr mode_t kOwnersOnly = S_IRUSR | S_IWUSR;
  bool is_private = (st.st_mode & kPermissions) == kOwnersOnly;
  if (st.st_uid == serving_.uid && is_private) return;
  change(std::move(fd), path, serving_.gid, kOwnersOnly);
}

// From the directory of the state up to the root: a user of a directory above could put another directory in
// the place of the state's.
void StateTakeover::take_directory(const std::string& directory, const std::string& name,
                                   const Identity& identity) {
  for (std::string place = directory;; place = directory_of(place)) {
    Fd fd(open(place.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat st {};
    if (!fd || fstat(fd.get(), &st) != 0) throw_errno(place);
    if (may_replace_in(place, st, *identity.user)) {
      bool may_take = place == directory && st.st_uid == identity.user->uid;
      if (!may_take || !holds_only_states(directory, name)) {
        throw Error(directory + "/" + name + ": jobs could replace it, because user " +
                    std::to_string(identity.user->uid) + " may write " + place +
                    "; give it a directory of its own");
      }
      change(std::move(fd), place, st.st_gid,
             st.st_mode & kPermissions & ~mode_t{S_IWGRP | S_IWOTH});
    }
    if (place == "/") return;
  }
}

void StateTakeover::change(Fd fd, const std::string& path, gid_t gid, mode_t mode) {
  if (dry_) return;
  struct stat st {};
  if (fstat(fd.get(), &st) != 0) throw_errno(path);
  int number = fd.get();
  std::string by_number = "/proc/self/fd/" + std::to_string(number);
  changes_.push_back({std::move(fd), path, st.st_uid, st.st_gid, st.st_mode & kPermissions});
  if (fchownat(number, "", 0, gid, AT_EMPTY_PATH) != 0) throw_errno(path + ": chown");
  if (chmod(by_number.c_str(), mode) != 0) throw_errno(path + ": chmod");
  bool was_users = st.st_uid != 0 && st.st_uid != serving_.uid;
  if (S_ISREG(st.st_mode) && was_users && is_open_elsewhere(by_number)) {
    throw Error(path + ": belongs to user " + std::to_string(st.st_uid) +
                ", and a process has it open; end that process");
  }
  if (fchownat(number, "", serving_.uid, gid, AT_EMPTY_PATH) != 0) throw_errno(path + ": chown");
}

void StateTakeover::give_back() {
  if (!made_.empty()) unlink(made_.c_str());
  for (const Change& change : changes_) {
    std::string by_number = "/proc/self/fd/" + std::to_string(change.fd.get());
    if (fchownat(change.fd.get(), "", change.uid, change.gid, AT_EMPTY_PATH) != 0 ||
        chmod(by_number.c_str(), change.mode) != 0) {
      log_warning("%s: %s", escaped(change.path).c_str(), strerror(errno));
    }
  }
  changes_.clear();
  made_.clear();
}

}  // namespace filed
