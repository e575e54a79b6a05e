#include "launcher/own_mount.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/clock.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/fusermount.h"
#include "base/log.h"

namespace filed {
namespace {

constexpr int64_t kFusermountNs = 5 * kNsPerSec;

// The number of the topmost mount on `path`, which no other mount has at the same time; empty
// if it cannot be read. Does not ask the file system, because its server may be dead or wait for us.
std::optional<int> mount_id(const std::string& path) {
  Fd directory(open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return std::nullopt;
  constexpr size_t kMaxInfo = 4096;
  constexpr std::string_view kField = "mnt_id:";
  std::string text;
  if (read_file("/proc/self/fdinfo/" + std::to_string(directory.get()), kMaxInfo, text)) {
    return std::nullopt;
  }
  size_t field = text.find(kField);
  if (field == text.npos) return std::nullopt;
  return atoi(text.c_str() + field + kField.size());
}

}  // namespace

void OwnMount::note() {
  id_ = mount_id(dir_);
  for (Fd& fd : spare_) fd.reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void OwnMount::unmount() {
  for (Fd& fd : spare_) fd.reset();
  if (!id_ || mount_id(dir_) != id_) return;
  if (use_fusermount_) {
    int error = run_fusermount(dir_, kFusermountNs);
    if (error != 0) log_warning("launcher: fusermount3: %s", strerror(error));
  } else if (umount2(dir_.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
    log_warning("launcher: umount %s: %s", dir_.c_str(), strerror(errno));
  }
}

}  // namespace filed
