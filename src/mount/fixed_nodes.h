// The fixed part of the mounted tree: the root, the four directories and the special files. Keeps
// their modes, owners and times. What chmod and chown change is stored, and takes precedence over
// the configuration.
#pragma once

#include <fuse_lowlevel.h>
#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <optional>

#include "queue/job.h"
#include "queue/store.h"
#include "queue/turn.h"

namespace filed {

// Inode numbers below kFirstJobIno belong to fixed nodes. The store numbers jobs from there on.
constexpr fuse_ino_t kRootIno = FUSE_ROOT_ID;
constexpr fuse_ino_t kFirstDirIno = 2;  // of pending; the others follow in the order of Dir
constexpr fuse_ino_t kFirstJobIno = 1000;

constexpr fuse_ino_t ino_of(Dir dir) { return kFirstDirIno + static_cast<fuse_ino_t>(dir); }

constexpr std::optional<Dir> dir_of(fuse_ino_t ino) {
  if (ino < kFirstDirIno || ino >= kFirstDirIno + kDirs) return std::nullopt;
  return static_cast<Dir>(ino - kFirstDirIno);
}

constexpr bool is_directory(fuse_ino_t ino) { return ino == kRootIno || dir_of(ino).has_value(); }
constexpr bool is_job(fuse_ino_t ino) { return ino >= kFirstJobIno; }

class FixedNodes {
 public:
  using Rights = StoreReader::DirectoryRights;

  struct Defaults {
    mode_t mode = 0755;
    uid_t uid = 0;  // of the directories
    gid_t gid = 0;
    uid_t daemon_uid = 0;  // of the special files
    gid_t daemon_gid = 0;
  };

  FixedNodes(const Defaults& defaults, const StoreReader& store, int64_t now_ns);

  // What stat(2) shows of a fixed node. Of a special file without size and times.
  struct stat attributes(fuse_ino_t ino) const;

  // Mode and owner of a directory.
  const Rights& rights(fuse_ino_t directory) const;
  // Stages a change of them in the current turn. Returns 0 or the errno of the store. Restored if
  // the turn is rolled back.
  int change_rights(fuse_ino_t directory, const Rights& rights, Turn& turn);

  // An entry was added, removed or renamed.
  void touch(Dir dir, int64_t now_ns);

 private:
  static size_t index(fuse_ino_t directory) { return directory - kRootIno; }

  Defaults defaults_;
  std::array<Rights, 1 + kDirs> rights_;
  std::array<int64_t, 1 + kDirs> changed_ns_{};
};

}  // namespace filed
