#include "launcher/own_mount.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/fusermount.h"
#include "base/log.h"
#include "base/mount_table.h"

namespace filed {
namespace {

// fusermount3 takes a path. True if this one leads to the mount.
bool leads_to(const std::string& path, int root) {
  Fd there(open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  int id = mount_id(root);
  return there && id >= 0 && mount_id(there.get()) == id;
}

}  // namespace

void OwnMount::note(Fd root) {
  root_ = std::move(root);
  for (Fd& fd : spare_) fd.reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void OwnMount::unmount() {
  if (!root_) return;
  for (Fd& fd : spare_) fd.reset();
  if (use_fusermount_) {
    int error = leads_to(dir_, root_.get()) ? run_fusermount(dir_) : 0;
    if (error != 0) log_warning("fusermount3: %s", strerror(error));
    return;
  }
  try {
    if (is_covered(read_mount_table(open_mount_table().get()), mount_id(root_.get()))) return;
  } catch (const Error& error) {
    log_warning("%s; the mount stays", error.what());
    return;
  }
  // EINVAL: it was unmounted before.
  if (umount2(by_descriptor(root_.get()).c_str(), MNT_DETACH) != 0 && errno != EINVAL) {
    log_warning("umount %s: %s", escaped(dir_).c_str(), strerror(errno));
  }
}

}  // namespace filed
