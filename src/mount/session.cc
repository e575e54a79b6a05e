#include "mount/session.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "base/fusermount.h"
#include "base/log.h"
#include "base/text.h"
#include "mount/operations.h"

namespace filed {
namespace {

constexpr int kMaxRequestsAtOnce = 256;

// The layout of the answer to FUSE_INIT, which libfuse writes: see the kernel's fuse_kernel.h.
constexpr size_t kInitAnswerSize = 64;
constexpr size_t kInitFlagsOffset = 12;
constexpr size_t kInitFlags2Offset = 32;
constexpr uint32_t kHandleKillprivV2 = 1U << 28;
constexpr uint32_t kInitExt = 1U << 30;                   // flags2 counts
constexpr uint32_t kDirectIoAllowMmap = 1U << (36 - 32);  // of flags2

void set_flag(void* answer, size_t offset, uint32_t flag) {
  auto* flags_at = static_cast<char*>(answer) + offset;
  uint32_t flags;
  memcpy(&flags, flags_at, sizeof flags);
  flags |= flag;
  memcpy(flags_at, &flags, sizeof flags);
}

// libfuse sends all replies through this. The first one answers FUSE_INIT; it gets flags that this
// libfuse does not know. A kernel that does not know them either ignores them. With the first one
// the kernel does not ask for file capabilities before each write, because jobs never have setuid
// bits or file capabilities. With the last one programs can map files that are not cached: each
// mmap(2) drops what the kernel has of the file.
ssize_t send_reply(int fd, iovec* parts, int count, void*) {
  static bool is_first = true;
  if (std::exchange(is_first, false) && count == 2 && parts[1].iov_len == kInitAnswerSize) {
    set_flag(parts[1].iov_base, kInitFlagsOffset, kHandleKillprivV2 | kInitExt);
    set_flag(parts[1].iov_base, kInitFlags2Offset, kDirectIoAllowMmap);
  }
  return writev(fd, parts, count);
}

ssize_t receive_request(int fd, void* buffer, size_t size, void*) { return read(fd, buffer, size); }

// A path as /proc/self/mountinfo writes it.
std::string mountinfo_escape(const std::string& path) {
  std::string out;
  for (char c : path) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\\') {
      char octal[5];
      snprintf(octal, sizeof octal, "\\%03o", static_cast<unsigned>(c));
      out += octal;
    } else {
      out += c;
    }
  }
  return out;
}

constexpr const char* kMounts = "/proc/self/mountinfo";

// The lines of mountinfo, read through an open descriptor. Throws Error: an error does not mean that
// nothing is mounted.
std::vector<std::string> read_mounts(int fd) {
  std::string text;
  if (lseek(fd, 0, SEEK_SET) != 0) throw_errno(kMounts);
  if (int error = read_all(fd, SIZE_MAX, text)) throw_errno(kMounts, error);
  return split(text, '\n');
}

Fd open_mounts() {
  Fd fd(open(kMounts, O_RDONLY | O_CLOEXEC));
  if (!fd) throw_errno(kMounts);
  return fd;
}

// The beginning of mountinfo's line for the filed that is mounted on `dir`: the mount's number and a
// space. No other mount has this number while this one is there. Empty if there is none.
std::string find_filed_mount(int mounts, const std::string& dir) {
  std::string place = " " + mountinfo_escape(dir) + " ";
  std::string found;
  for (const std::string& line : read_mounts(mounts)) {
    size_t type = line.find(" - ");
    if (type == std::string::npos || line.compare(type + 3, 11, "fuse.filed ") != 0) continue;
    if (line.substr(0, type).find(place) == std::string::npos) continue;
    found = line.substr(0, line.find(' ') + 1);  // the last line is the topmost mount
  }
  return found;
}

bool is_empty(const std::string& dir) {
  std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(dir.c_str()), closedir);
  if (entries == nullptr) throw_errno(dir);
  while (const dirent* entry = readdir(entries.get())) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) return false;
  }
  return true;
}

}  // namespace

void unmount(const std::string& dir) {
  if (umount2(dir.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return;
  constexpr int64_t kTimeoutNs = 5 * kNsPerSec;
  run_fusermount(dir, kTimeoutNs);
}

std::string prepare_mount_point(const std::string& dir) {
  // statvfs asks the filesystem. stat alone may be answered from the kernel's cache although the
  // mount is dead.
  struct statvfs asked {};
  struct stat st {};
  if (statvfs(dir.c_str(), &asked) != 0 || stat(dir.c_str(), &st) != 0) {
    if (errno != ENOTCONN && errno != ECONNABORTED) throw_errno(dir);
    log_warning("%s: unmounting what a dead filed has left", dir.c_str());
    unmount(dir);
    if (stat(dir.c_str(), &st) != 0) throw_errno(dir);
  }
  if (!S_ISDIR(st.st_mode)) throw_errno(dir, ENOTDIR);
  char resolved[PATH_MAX];
  if (realpath(dir.c_str(), resolved) == nullptr) throw_errno(dir);
  std::string place = resolved;
  if (!find_filed_mount(open_mounts().get(), place).empty())
    throw Error(dir + ": in use by another filed");
  if (!is_empty(place)) throw Error(dir + ": not empty; the mount would hide what is in it");
  return place;
}

bool decide_allow_other(AllowOther wanted) {
  if (wanted == AllowOther::kNo) return false;
  if (geteuid() == 0) return true;
  for (const std::string& line : read_lines("/etc/fuse.conf")) {
    size_t end = line.find_last_not_of(" \t\r");
    if (line.substr(0, end == std::string::npos ? 0 : end + 1) == "user_allow_other") return true;
  }
  if (wanted == AllowOther::kYes) {
    throw Error("allow_other: not permitted; /etc/fuse.conf needs the line user_allow_other");
  }
  return false;
}

Session::Session(Filesystem& filesystem, const std::string& dir, bool allow_other)
    : mount_dir_(dir) {
  std::string options = "fsname=filed,subtype=filed,default_permissions";
  if (allow_other) options += ",allow_other";
  const char* argv[] = {"filed", "-o", options.c_str(), nullptr};
  fuse_args args = FUSE_ARGS_INIT(3, const_cast<char**>(argv));
  session_ =
      fuse_session_new(&args, &filesystem_operations(), sizeof(fuse_lowlevel_ops), &filesystem);
  fuse_opt_free_args(&args);
  if (session_ == nullptr) throw Error("cannot set up FUSE");
  filesystem.set_session(session_);
  if (fuse_session_mount(session_, dir.c_str()) != 0) {
    fuse_session_destroy(session_);
    throw Error(
        dir + ": cannot mount" +
        (access("/dev/fuse", F_OK) != 0 ? ": no /dev/fuse; is the fuse module loaded?" : ""));
  }
  fuse_custom_io io{};
  io.writev = send_reply;
  io.read = receive_request;
  fuse_session_custom_io(session_, &io, fd());
  int flags = fcntl(fd(), F_GETFL);
  fcntl(fd(), F_SETFL, flags | O_NONBLOCK);
  mounts_ = open_mounts();
  mount_id_ = find_filed_mount(mounts_.get(), dir);
  if (mount_id_.empty()) throw Error(dir + ": the mount is gone");
}

#ifdef __SANITIZE_ADDRESS__
// libfuse frees the name of the mount point only when it unmounts. Here the launcher unmounts.
extern "C" const char* __lsan_default_suppressions() { return "leak:libfuse3\n"; }
extern "C" const char* __lsan_default_options() { return "print_suppressions=0"; }
#endif

Session::~Session() {
  fuse_session_destroy(session_);
  free(buffer_.mem);
}

int Session::fd() const { return fuse_session_fd(session_); }

bool Session::is_detached() const {
  try {
    for (const std::string& line : read_mounts(mounts_.get())) {
      if (line.compare(0, mount_id_.size(), mount_id_) == 0) return false;
    }
    return true;
  } catch (const std::exception& error) {
    log_warning("cannot see whether the queue is mounted: %s", error.what());
    return false;
  }
}

bool Session::serve() {
  for (int i = 0; i < kMaxRequestsAtOnce; ++i) {
    int size = fuse_session_receive_buf(session_, &buffer_);
    if (size == -EINTR) continue;
    if (size == -EAGAIN) return true;
    if (size <= 0) return false;
    fuse_session_process_buf(session_, &buffer_);
    if (fuse_session_exited(session_)) return false;
  }
  return true;
}

}  // namespace filed
