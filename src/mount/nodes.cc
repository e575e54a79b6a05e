#include "mount/nodes.h"

#include <cerrno>

#include "base/clock.h"

namespace filed {
namespace {

// The directory's name in the store.
std::string name_of(fuse_ino_t directory) {
  auto dir = dir_of(directory);
  return dir ? std::string(dir_name(*dir)) : "";
}

void set_times(struct stat& st, int64_t atime_ns, int64_t mtime_ns, int64_t ctime_ns) {
  st.st_atim = to_timespec(atime_ns);
  st.st_mtim = to_timespec(mtime_ns);
  st.st_ctim = to_timespec(ctime_ns);
}

}  // namespace

Nodes::Nodes(const Defaults& defaults, Store& store, int64_t now_ns)
    : defaults_(defaults), store_(store) {
  auto kept = store.load_directories();
  for (fuse_ino_t ino = kRootIno; ino < kFirstDirIno + kDirs; ++ino) {
    rights_[index(ino)] = {defaults.mode, defaults.uid, defaults.gid};
    auto changed = kept.find(name_of(ino));
    if (changed != kept.end()) rights_[index(ino)] = changed->second;
  }
  changed_ns_.fill(now_ns);
}

struct stat Nodes::attributes(fuse_ino_t ino) const {
  struct stat st {};
  st.st_ino = ino;
  if (is_directory(ino)) {
    const auto& rights = rights_[index(ino)];
    st.st_mode = S_IFDIR | rights.mode;
    st.st_uid = rights.uid;
    st.st_gid = rights.gid;
    st.st_nlink = ino == kRootIno ? 2 + kDirs : 2;
    int64_t changed = changed_ns_[index(ino)];
    set_times(st, changed, changed, changed);
    return st;
  }
  st.st_mode = S_IFREG | (ino == kConfigIno ? 0644 : 0444);
  st.st_uid = defaults_.daemon_uid;
  st.st_gid = defaults_.daemon_gid;
  st.st_nlink = 1;
  int64_t started = changed_ns_[index(kRootIno)];
  set_times(st, started, started, started);
  return st;
}

const Store::DirectoryRights& Nodes::rights(fuse_ino_t directory) const {
  return rights_[index(directory)];
}

int Nodes::change_rights(fuse_ino_t directory, const Store::DirectoryRights& rights) {
  if (int error = store_.save_directory(name_of(directory), rights)) return error;
  rights_[index(directory)] = rights;
  return 0;
}

void Nodes::restore_rights(fuse_ino_t directory, const Store::DirectoryRights& rights) {
  rights_[index(directory)] = rights;
}

void Nodes::touch(Dir dir, int64_t now_ns) { changed_ns_[index(ino_of(dir))] = now_ns; }

struct stat job_attributes(const Job& job) {
  struct stat st {};
  st.st_ino = static_cast<ino_t>(job.ino);
  st.st_mode = S_IFREG | (job.mode & kJobModeBits);
  st.st_nlink = job.removed ? 0 : 1;
  st.st_uid = job.uid;
  st.st_gid = job.gid;
  st.st_size = job.size();
  st.st_blksize = 4096;
  st.st_blocks = (st.st_size + 511) / 512;
  set_times(st, job.atime_ns, job.mtime_ns, job.ctime_ns);
  return st;
}

}  // namespace filed
