#include "mount/mount_point.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/fusermount.h"
#include "base/log.h"
#include "base/mount_table.h"

namespace filed {
namespace {

constexpr std::string_view kType = "fuse.filed";
// Looks at the mount point. Each dead mount that is found there takes one, and so does each change
// by another process between two steps of a look.
constexpr int kMaxLooks = 16;

const MountLine* find_mount(const std::vector<MountLine>& lines, int id) {
  auto line = std::find_if(lines.begin(), lines.end(), [=](const auto& l) { return l.id == id; });
  return line == lines.end() ? nullptr : &*line;
}

bool is_filed_mount(int directory) {
  std::vector<MountLine> lines = read_mount_table(open_mount_table().get());
  const MountLine* line = find_mount(lines, mount_id(directory));
  return line != nullptr && line->type == kType;
}

// fstatvfs asks the file system. stat may be answered from the kernel's cache although the mount is
// dead.
bool is_dead(int directory) {
  struct statvfs asked {};
  return fstatvfs(directory, &asked) != 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

void unmount_dead(int root, const std::string& dir) {
  log_warning("%s: unmounting what a dead filed has left", escaped(dir).c_str());
  if (umount2(by_descriptor(root).c_str(), MNT_DETACH) != 0 && errno == EPERM) {
    run_fusermount(dir);
  }
  if (is_filed_mount(root)) throw Error(dir + ": what a dead filed has left cannot be unmounted");
}

void check_empty(int directory, const std::string& dir) {
  Fd again(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::unique_ptr<DIR, int (*)(DIR*)> entries(again ? fdopendir(again.get()) : nullptr, closedir);
  if (entries == nullptr) throw_errno(dir);
  again.release();  // closedir closes it
  while (const dirent* entry = readdir(entries.get())) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      throw Error(dir + ": not empty; the mount would hide what is in it");
    }
  }
}

bool is_same_place(int directory, const std::string& path) {
  Fd there(open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  // On another mount it is not asked for its inode, because its server may not answer.
  if (!there || mount_id(there.get()) != mount_id(directory)) return false;
  struct stat one {};
  struct stat other {};
  return fstat(directory, &one) == 0 && fstat(there.get(), &other) == 0 &&
         one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

}  // namespace

MountPoint::MountPoint(const std::string& dir) {
  for (int i = 0; i < kMaxLooks; ++i) {
    if (try_to_take(dir)) return;
  }
  throw Error(dir + ": it changes while filed starts");
}

// One look. Returns false if the next one may succeed.
bool MountPoint::try_to_take(const std::string& dir) {
  Fd place(open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!place) throw_errno(dir);
  if (is_filed_mount(place.get())) {
    if (!is_dead(place.get())) throw Error(dir + ": in use by another filed");
    unmount_dead(place.get(), dir);
    return false;
  }
  path_ = path_of(place.get());
  directory_.reset(open(by_descriptor(place.get()).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory_) throw_errno(dir);
  // A file system without locks gives another error. Then the looks alone must do.
  if (flock(directory_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw Error(dir + ": in use by another filed, or locked by another program");
  }
  // Before it was locked, another filed may have mounted there.
  if (!is_same_place(directory_.get(), path_)) return false;
  check_empty(directory_.get(), dir);
  return true;
}

bool MountPoint::look(const std::string& dir) {
  Fd place(open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!place) throw_errno(dir);
  if (is_filed_mount(place.get())) return !is_dead(place.get());
  check_empty(place.get(), dir);
  return false;
}

std::string MountPoint::target() const { return by_descriptor(directory_.get()); }

void MountPoint::mounted() {
  table_ = open_mount_table();
  int below = mount_id(directory_.get());
  for (const MountLine& line : read_mount_table(table_.get())) {
    if (line.parent == below && line.place == path_ && line.type == kType) {
      id_ = line.id;
      device_ = line.device;
    }
  }
  root_.reset(open(path_.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (root_ && id_ >= 0 && mount_id(root_.get()) == id_) return;
  umount2(target().c_str(), MNT_DETACH);
  throw Error(path_ + ": was moved, unmounted or covered by another mount while filed started");
}

Fd MountPoint::root() const { return Fd(fcntl(root_.get(), F_DUPFD_CLOEXEC, 0)); }

bool MountPoint::is_detached() const {
  try {
    return find_mount(read_mount_table(table_.get()), id_) == nullptr;
  } catch (const std::exception& error) {
    log_warning("cannot see whether the queue is mounted: %s", error.what());
    return false;
  }
}

bool MountPoint::tell_what_is_left() const {
  try {
    std::vector<MountLine> lines = read_mount_table(table_.get());
    for (const MountLine& line : lines) {
      if (line.device != device_ || line.id == id_) continue;
      log_warning("%s: the queue was also mounted here: unmount it", escaped(line.place).c_str());
    }
    if (find_mount(lines, id_) == nullptr) return true;
    log_error(is_covered(lines, id_)
                  ? "%s: another mount covers the queue: unmount that one, then the queue"
                  : "%s: the queue could not be unmounted; the next start does it",
              escaped(path_).c_str());
    return false;
  } catch (const std::exception& error) {
    log_warning("cannot see whether the queue is mounted: %s", error.what());
    return true;
  }
}

}  // namespace filed
