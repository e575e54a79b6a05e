// The queue as a filesystem: answers the kernel's requests with what the Queue has.
//
// A request that changes something is put into the open transaction, and answered after the commit
// at the end of the turn. A request that reads waits if the open transaction may change what it
// reads. See Waits.
#pragma once

#include <fuse_lowlevel.h>

#include <string>
#include <string_view>

#include "mount/fixed_nodes.h"
#include "mount/listing.h"
#include "mount/notifier.h"
#include "mount/replay.h"
#include "mount/special_files.h"
#include "mount/waits.h"
#include "mount/xattr.h"
#include "queue/queue.h"

namespace filed {

struct OpenFile;

class Filesystem final : public QueueWatcher {
 public:
  // `tells_watchers`: what filed moves or removes by itself is repeated for inotify watchers.
  Filesystem(Queue& queue, const StoreReader& store, Notifier& notifier, const Clock& clock,
             const FixedNodes::Defaults& defaults, bool tells_watchers);
  // Where the kernel is told that attributes are out of date. Call it before the mount is served.
  void set_session(fuse_session* session) { replay_.set_session(session); }

  void notify_moved(const Job& job, Dir from) override;
  void notify_removed(const Job& job) override;

  // To be called after each request.
  void request_served() { queue_.request_served(); }

  // One method a request, with the arguments and errnos that fuse_lowlevel.h describes.
  // operations.cc calls them.
  void init(fuse_conn_info* connection);
  void lookup(fuse_req_t req, fuse_ino_t parent, const char* name);
  void getattr(fuse_req_t req, fuse_ino_t ino, fuse_file_info* fi);
  void setattr(fuse_req_t req, fuse_ino_t ino, struct stat* attr, int to_set, fuse_file_info* fi);
  void unlink(fuse_req_t req, fuse_ino_t parent, const char* name);
  void rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
              const char* new_name, unsigned flags);
  void create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, fuse_file_info* fi);
  void open(fuse_req_t req, fuse_ino_t ino, fuse_file_info* fi);
  void read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* fi);
  void write(fuse_req_t req, fuse_ino_t ino, const char* data, size_t size, off_t offset,
             fuse_file_info* fi);
  void flush(fuse_req_t req, fuse_ino_t ino, fuse_file_info* fi);
  void fsync(fuse_req_t req, fuse_ino_t ino, int datasync, fuse_file_info* fi);
  void release(fuse_req_t req, fuse_ino_t ino, fuse_file_info* fi);
  void opendir(fuse_req_t req, fuse_ino_t ino, fuse_file_info* fi);
  void readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* fi);
  void readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* fi);
  void statfs(fuse_req_t req, fuse_ino_t ino);
  void getxattr(fuse_req_t req, fuse_ino_t ino, const char* name, size_t size);
  void listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);

 private:
  void lookup_in_root(fuse_req_t req, std::string_view name);
  struct stat fixed_attributes(fuse_ino_t ino, const OpenFile* file = nullptr);
  struct stat shown_attributes(const Job& job) const;
  int set_directory(fuse_ino_t ino, const struct stat& attr, int to_set, uid_t caller);
  int set_job(fuse_ino_t ino, const struct stat& attr, int to_set, const OpenFile* file,
              const Caller& caller, struct stat& result);
  Caller creator(fuse_req_t req, fuse_ino_t parent) const;
  void unlink_now(fuse_req_t req, Dir dir, const std::string& name);
  void rename_now(fuse_req_t req, Dir from, const std::string& name, Dir to,
                  const std::string& new_name, bool no_replace);
  void create_now(fuse_req_t req, Dir dir, const std::string& name, mode_t mode,
                  const Caller& caller, const fuse_file_info& asked);
  void open_now(fuse_req_t req, fuse_ino_t ino, const fuse_file_info& asked);
  void read_special(fuse_req_t req, OpenFile& file, size_t size, off_t offset);
  int write_job(OpenFile& file, std::string_view bytes, off_t offset);
  void refuse_text(fuse_req_t req, int error);
  void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, bool plus);
  void list_root(Listing& listing, off_t offset);
  int list_jobs(Listing& listing, Dir dir, off_t offset);
  int xattrs_of(fuse_ino_t ino, Xattrs& all) const;

  Queue& queue_;
  const StoreReader& store_;
  const Clock& clock_;
  FixedNodes nodes_;
  SpecialFiles specials_;
  Replay replay_;
  Waits waits_;
};

}  // namespace filed
