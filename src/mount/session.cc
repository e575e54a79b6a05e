#include "mount/session.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "mount/fuse_mount.h"
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

}  // namespace

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

Session::Session(Filesystem& filesystem, MountPoint& point, bool allow_other)
    : filesystem_(filesystem) {
  std::string options = "fsname=filed,subtype=filed,default_permissions";
  if (allow_other) options += ",allow_other";
  const char* argv[] = {"filed", "-o", options.c_str(), nullptr};
  fuse_args args = FUSE_ARGS_INIT(3, const_cast<char**>(argv));
  session_ =
      fuse_session_new(&args, &filesystem_operations(), sizeof(fuse_lowlevel_ops), &filesystem);
  fuse_opt_free_args(&args);
  if (session_ == nullptr) throw Error("cannot set up FUSE");
  filesystem.set_session(session_);
  try {
    mount_session(session_, point, allow_other);
  } catch (const Error&) {
    fuse_session_destroy(session_);
    throw;
  }
  fuse_custom_io io{};
  io.writev = send_reply;
  io.read = receive_request;
  fuse_session_custom_io(session_, &io, fd());
  int flags = fcntl(fd(), F_GETFL);
  fcntl(fd(), F_SETFL, flags | O_NONBLOCK);
  point.mounted();
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

bool Session::serve() {
  for (int i = 0; i < kMaxRequestsAtOnce; ++i) {
    int size = fuse_session_receive_buf(session_, &buffer_);
    if (size == -EINTR) continue;
    if (size == -EAGAIN) return true;
    if (size <= 0) return false;
    fuse_session_process_buf(session_, &buffer_);
    filesystem_.request_served();
    if (fuse_session_exited(session_)) return false;
  }
  return true;
}

}  // namespace filed
