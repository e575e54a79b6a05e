#include "mount/attributes.h"

#include <algorithm>

#include "base/clock.h"
#include "mount/fixed_nodes.h"

namespace filed {
namespace {

// 0: the kernel must not cache job names and attributes, because filed moves jobs itself. The sizes
// of the special files change, too.
constexpr double kFileTimeout = 0;
// The kernel knows of all changes of a directory: they are requests of users or of the notifier, or
// the kernel is told that the attributes are out of date.
constexpr double kDirectoryTimeout = 3600;

constexpr blksize_t kBlockSize = 4096;
constexpr int64_t kStatBlock = 512;  // the unit of st_blocks

}  // namespace

void set_times(struct stat& st, int64_t atime_ns, int64_t mtime_ns, int64_t ctime_ns) {
  st.st_atim = to_timespec(atime_ns);
  st.st_mtim = to_timespec(mtime_ns);
  st.st_ctim = to_timespec(ctime_ns);
}

struct stat job_attributes(const Job& job, int64_t min_size) {
  struct stat st {};
  st.st_ino = static_cast<ino_t>(job.ino);
  st.st_mode = S_IFREG | (job.mode & kJobModeBits);
  st.st_nlink = job.removed ? 0 : 1;
  st.st_uid = job.uid;
  st.st_gid = job.gid;
  st.st_size = std::max(job.size(), min_size);
  st.st_blksize = kBlockSize;
  st.st_blocks = (st.st_size + kStatBlock - 1) / kStatBlock;
  set_times(st, job.atime_ns, job.mtime_ns, job.ctime_ns);
  return st;
}

AttributeChange change_of(const struct stat& attr, int to_set, int64_t now_ns) {
  AttributeChange change;
  if (to_set & FUSE_SET_ATTR_MODE) change.mode = attr.st_mode & 07777;
  if (to_set & FUSE_SET_ATTR_UID) change.uid = attr.st_uid;
  if (to_set & FUSE_SET_ATTR_GID) change.gid = attr.st_gid;
  if (to_set & FUSE_SET_ATTR_SIZE) change.size = attr.st_size;
  if (to_set & FUSE_SET_ATTR_ATIME) change.atime_ns = from_timespec(attr.st_atim);
  if (to_set & FUSE_SET_ATTR_MTIME) change.mtime_ns = from_timespec(attr.st_mtim);
  if (to_set & FUSE_SET_ATTR_ATIME_NOW) change.atime_ns = now_ns;
  if (to_set & FUSE_SET_ATTR_MTIME_NOW) change.mtime_ns = now_ns;
  return change;
}

void reply_job_entry(fuse_req_t req, const struct stat& st, double attr_timeout) {
  fuse_entry_param entry = entry_of(st);
  entry.attr_timeout = attr_timeout;
  fuse_reply_entry(req, &entry);
}

double timeout_of(fuse_ino_t ino) { return is_directory(ino) ? kDirectoryTimeout : kFileTimeout; }

fuse_entry_param entry_of(const struct stat& st) {
  fuse_entry_param entry{};
  entry.ino = st.st_ino;
  entry.attr = st;
  entry.attr_timeout = entry.entry_timeout = timeout_of(st.st_ino);
  return entry;
}

}  // namespace filed
