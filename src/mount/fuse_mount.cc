#include "mount/fuse_mount.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"

namespace filed {
namespace {

constexpr const char* kDevice = "/dev/fuse";

std::string hint(int error) {
  if (error == ENOENT) return "; is the fuse module loaded?";
  if (error == EPERM)
    return "; mounting needs CAP_SYS_ADMIN, and a container must permit /dev/fuse";
  return "";
}

// As root: fusermount3, which libfuse would try next, could do no more, and prints lines of its own.
void mount_directly(fuse_session* session, const MountPoint& point, bool allow_other) {
  auto fail = [&](const std::string& what, int error) {
    throw Error(point.path() + ": cannot mount: " + what + strerror(error) + hint(error));
  };
  Fd device(open(kDevice, O_RDWR | O_CLOEXEC));
  if (!device) fail(std::string(kDevice) + ": ", errno);
  std::string options = "fd=" + std::to_string(device.get()) +
                        ",rootmode=40000,user_id=0,group_id=0,default_permissions";
  if (allow_other) options += ",allow_other";
  if (mount("filed", point.target().c_str(), "fuse.filed", MS_NOSUID | MS_NODEV, options.c_str()) !=
      0) {
    fail("", errno);
  }
  // libfuse takes a connection that is open already by this name.
  std::string connection = "/dev/fd/" + std::to_string(device.get());
  if (fuse_session_mount(session, connection.c_str()) != 0) {
    throw Error(point.path() + ": cannot mount: libfuse does not take the connection");
  }
  device.release();  // libfuse closes it
}

// While it lives, what this process and its children write to stderr goes into a file in memory.
class CapturedStderr {
 public:
  CapturedStderr()
      : file_(memfd_create("stderr", MFD_CLOEXEC)),
        stderr_(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) {
    if (file_ && stderr_) dup2(file_.get(), STDERR_FILENO);
  }
  ~CapturedStderr() {
    if (file_ && stderr_) dup2(stderr_.get(), STDERR_FILENO);
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;

  // What was written, its line ends as "; ".
  std::string text() const {
    constexpr size_t kMaxText = 1024;
    std::string all;
    if (!file_ || lseek(file_.get(), 0, SEEK_SET) != 0 || read_all(file_.get(), kMaxText, all) != 0)
      return "";
    std::string out;
    for (char c : all.substr(0, all.find_last_not_of('\n') + 1)) {
      if (c == '\n') {
        out += "; ";
      } else {
        out += c;
      }
    }
    return escaped(out);
  }

 private:
  Fd file_;
  Fd stderr_;
};

void mount_with_fusermount(fuse_session* session, const MountPoint& point) {
  std::string said;
  {
    CapturedStderr captured;
    // fusermount3 checks the path itself, with the rights of the user.
    if (fuse_session_mount(session, point.path().c_str()) == 0) return;
    said = captured.text();
  }
  if (said.empty()) said = "fusermount3 does not say why";
  throw Error(point.path() + ": cannot mount: " + said +
              (access(kDevice, F_OK) != 0 ? hint(ENOENT) : ""));
}

// libfuse would write to stderr, and wait for what reads it.
void log_libfuse(fuse_log_level level, const char* format, va_list args) {
  if (level > FUSE_LOG_INFO) return;
  char text[512];
  if (vsnprintf(text, sizeof text, format, args) < 0) return;
  text[strcspn(text, "\n")] = '\0';
  log_warning("libfuse: %s", escaped(text).c_str());
}

}  // namespace

void mount_session(fuse_session* session, const MountPoint& point, bool allow_other) {
  if (geteuid() == 0) {
    mount_directly(session, point, allow_other);
  } else {
    mount_with_fusermount(session, point);
  }
  fuse_set_log_func(log_libfuse);
}

}  // namespace filed
