// The fixed part of the mounted tree: the root, the four directories and the three special files.
#pragma once

#include <fuse_lowlevel.h>
#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "queue/job.h"
#include "queue/store.h"

namespace filed {

// Inode numbers below kFirstJobIno are ours; the store numbers jobs from there.
constexpr fuse_ino_t kRootIno = FUSE_ROOT_ID;
constexpr fuse_ino_t kFirstDirIno = 2;  // of pending; the others follow in the order of Dir
constexpr fuse_ino_t kNewIdIno = 6;
constexpr fuse_ino_t kConfigIno = 7;
constexpr fuse_ino_t kStatusIno = 8;
constexpr fuse_ino_t kFirstJobIno = 1000;

constexpr fuse_ino_t ino_of(Dir dir) { return kFirstDirIno + static_cast<fuse_ino_t>(dir); }

constexpr std::optional<Dir> dir_of(fuse_ino_t ino) {
  if (ino < kFirstDirIno || ino >= kFirstDirIno + kDirs) return std::nullopt;
  return static_cast<Dir>(ino - kFirstDirIno);
}

constexpr bool is_directory(fuse_ino_t ino) { return ino == kRootIno || dir_of(ino).has_value(); }
constexpr bool is_special(fuse_ino_t ino) { return ino >= kNewIdIno && ino <= kStatusIno; }
constexpr bool is_job(fuse_ino_t ino) { return ino >= kFirstJobIno; }

struct RootEntry {
  std::string_view name;
  fuse_ino_t ino;
};
constexpr std::array<RootEntry, 7> kRootEntries = {{
    {"pending", ino_of(Dir::kPending)},
    {"active", ino_of(Dir::kActive)},
    {"failed", ino_of(Dir::kFailed)},
    {"complete", ino_of(Dir::kComplete)},
    {"new-id", kNewIdIno},
    {"config.ini", kConfigIno},
    {"status", kStatusIno},
}};

// Modes, owners and times of the fixed nodes. What is changed on the mount is kept in the store and
// goes before what the configuration says.
class Nodes {
 public:
  struct Defaults {
    mode_t mode = 0755;
    uid_t uid = 0;  // of the directories
    gid_t gid = 0;
    uid_t daemon_uid = 0;  // of the special files
    gid_t daemon_gid = 0;
  };

  Nodes(const Defaults& defaults, Store& store, int64_t now_ns);

  // Everything of stat(2) but the size.
  struct stat attributes(fuse_ino_t ino) const;
  // Stages another mode or owner of a directory; returns an errno.
  int change_rights(fuse_ino_t directory, const Store::DirectoryRights& rights);
  const Store::DirectoryRights& rights(fuse_ino_t directory) const;
  // Puts back rights whose change was not committed.
  void restore_rights(fuse_ino_t directory, const Store::DirectoryRights& rights);

  // An entry has come, gone or got another name.
  void touch(Dir dir, int64_t now_ns);

 private:
  static size_t index(fuse_ino_t directory) { return directory - kRootIno; }

  Defaults defaults_;
  Store& store_;
  std::array<Store::DirectoryRights, 1 + kDirs> rights_;
  std::array<int64_t, 1 + kDirs> changed_ns_{};
};

// The attributes of a job's file.
struct stat job_attributes(const Job& job);

}  // namespace filed
