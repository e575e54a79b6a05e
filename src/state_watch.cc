#include "state_watch.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/files.h"
#include "base/log.h"

namespace filed {
namespace {

// SQLite writes to its files, but neither makes nor removes any while filed serves.
constexpr uint32_t kEvents = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB |
                             IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

bool is_same(const struct stat& st, dev_t device, ino_t inode) {
  return st.st_dev == device && st.st_ino == inode;
}

}  // namespace

StateWatch::StateWatch(const std::string& path, uid_t serving)
    : path_(path),
      directory_path_(directory_of(path)),
      serving_(serving),
      directory_(open(directory_path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  std::string name = path.substr(path.rfind('/') + 1);
  files_[0].name = name;
  files_[1].name = name + "-wal";
  fstat(directory_.get(), &directory_then_);
  for (Watched& file : files_) {
    struct stat st {};
    file.is_there = fstatat(directory_.get(), file.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
    file.device = st.st_dev;
    file.inode = st.st_ino;
  }
  events_.reset(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  std::string by_number = "/proc/self/fd/" + std::to_string(directory_.get());
  if (events_ && inotify_add_watch(events_.get(), by_number.c_str(), kEvents) >= 0) return;
  log_warning("%s: cannot be watched: %s; its removal would not be noticed",
              escaped(directory_path_).c_str(), strerror(errno));
  events_.reset();
}

std::string StateWatch::look() {
  take_events();
  if (std::string wrong = wrong_with_directory(); !wrong.empty()) return wrong;
  for (const Watched& file : files_) {
    if (std::string wrong = wrong_with(file); !wrong.empty()) return wrong;
  }
  return "";
}

void StateWatch::take_events() {
  alignas(inotify_event) std::array<char, 4096> buffer;
  ssize_t size;
  while ((size = read(events_.get(), buffer.data(), buffer.size())) > 0) {
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      note(event->mask, event->len > 0 ? event->name : "");
      at += static_cast<ssize_t>(sizeof *event + event->len);
    }
  }
}

// What counts only if the user that serves may not look: what was said last.
void StateWatch::note(uint32_t mask, const std::string& name) {
  if (mask & (IN_DELETE_SELF | IN_UNMOUNT)) directory_told_ = "was removed";
  if (mask & IN_MOVE_SELF) directory_told_ = "was moved";
  for (Watched& file : files_) {
    if (name != file.name) continue;
    if (mask & (IN_DELETE | IN_MOVED_FROM)) file.told = "was removed";
    if (mask & (IN_CREATE | IN_MOVED_TO)) file.told = "was replaced";
  }
}

std::string StateWatch::wrong_with(const Watched& file) const {
  if (!file.is_there) return "";
  std::string path = directory_path_ + "/" + file.name + ": ";
  struct stat st {};
  if (fstatat(directory_.get(), file.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return path + "was removed";
    return file.told.empty() ? "" : path + file.told;
  }
  if (!is_same(st, file.device, file.inode)) return path + "was replaced";
  if (!is_known(st.st_uid)) return path + "belongs to user " + std::to_string(st.st_uid) + " now";
  return "";
}

std::string StateWatch::wrong_with_directory() const {
  std::string path = directory_path_ + ": ";
  struct stat st {};
  if (fstat(directory_.get(), &st) == 0) {
    if (st.st_nlink == 0) return path + "was removed";
    if (st.st_uid != directory_then_.st_uid && !is_known(st.st_uid)) {
      return path + "belongs to user " + std::to_string(st.st_uid) + " now";
    }
  }
  if (stat(directory_path_.c_str(), &st) == 0) {
    return is_same(st, directory_then_.st_dev, directory_then_.st_ino) ? "" : path + "was replaced";
  }
  if (errno == ENOENT || errno == ENOTDIR) return path + "was moved";
  return directory_told_.empty() ? "" : path + directory_told_;
}

}  // namespace filed
