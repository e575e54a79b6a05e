#include "mount/fixed_nodes.h"

#include <string>

#include "mount/attributes.h"
#include "mount/special_files.h"

namespace filed {
namespace {

// The directory's name in the store.
std::string name_of(fuse_ino_t directory) {
  auto dir = dir_of(directory);
  return dir ? std::string(dir_name(*dir)) : "";
}

}  // namespace

FixedNodes::FixedNodes(const Defaults& defaults, const StoreReader& store, int64_t now_ns)
    : defaults_(defaults) {
  auto stored = store.load_directories();
  for (fuse_ino_t ino = kRootIno; ino < kFirstDirIno + kDirs; ++ino) {
    rights_[index(ino)] = {defaults.mode, defaults.uid, defaults.gid};
    auto changed = stored.find(name_of(ino));
    if (changed != stored.end()) rights_[index(ino)] = changed->second;
  }
  changed_ns_.fill(now_ns);
}

struct stat FixedNodes::attributes(fuse_ino_t ino) const {
  struct stat st {};
  st.st_ino = ino;
  if (is_directory(ino)) {
    const Rights& rights = rights_[index(ino)];
    st.st_mode = S_IFDIR | rights.mode;
    st.st_uid = rights.uid;
    st.st_gid = rights.gid;
    st.st_nlink = ino == kRootIno ? 2 + kDirs : 2;
    int64_t changed = changed_ns_[index(ino)];
    set_times(st, changed, changed, changed);
    return st;
  }
  const SpecialFile* special = find_special(ino);
  st.st_mode = S_IFREG | (special != nullptr ? special->mode : 0);
  st.st_uid = defaults_.daemon_uid;
  st.st_gid = defaults_.daemon_gid;
  st.st_nlink = 1;
  return st;
}

const FixedNodes::Rights& FixedNodes::rights(fuse_ino_t directory) const {
  return rights_[index(directory)];
}

int FixedNodes::change_rights(fuse_ino_t directory, const Rights& rights, Turn& turn) {
  if (int error = turn.store().save_directory(name_of(directory), rights)) return error;
  turn.on_rollback([this, directory, before = rights_[index(directory)]] {
    rights_[index(directory)] = before;
  });
  rights_[index(directory)] = rights;
  return 0;
}

void FixedNodes::touch(Dir dir, int64_t now_ns) { changed_ns_[index(ino_of(dir))] = now_ns; }

}  // namespace filed
