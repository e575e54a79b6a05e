// The queue as a filesystem: answers the kernel's requests out of the Queue.
//
// Requests that change something are staged at once and answered when the turn is committed; with
// the errno of the commit if that failed. Requests that only read, and come while something is
// staged that may concern them, wait for the commit too, so that nobody ever sees what may yet be
// taken back.
#pragma once

#include <fuse_lowlevel.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mount/nodes.h"
#include "mount/notifier.h"
#include "queue/queue.h"

namespace filed {

class Filesystem final : public QueueWatcher {
 public:
  Filesystem(Queue& queue, Store& store, Notifier& notifier, const Clock& clock,
             const Nodes::Defaults& defaults, bool tells_watchers);
  // Where the kernel can be told that what it has cached is out of date.
  void set_session(fuse_session* session) { session_ = session; }

  // What the queue does of its own accord changes directories, too, and is repeated for watchers.
  void notify_moved(const Job& job, Dir from) override;
  void notify_removed(const Job& job) override;

  // libfuse's table of requests; its userdata is the Filesystem.
  static const fuse_lowlevel_ops& operations();

  // One method a request; arguments and errnos as in fuse_lowlevel.h.
  void init(fuse_conn_info* connection);
  void lookup(fuse_req_t req, fuse_ino_t parent, std::string_view name);
  void getattr(fuse_req_t req, fuse_ino_t ino);
  void setattr(fuse_req_t req, fuse_ino_t ino, const struct stat* attr, int to_set,
               fuse_file_info* fi);
  void unlink(fuse_req_t req, fuse_ino_t parent, std::string_view name);
  void rename(fuse_req_t req, fuse_ino_t parent, std::string_view name, fuse_ino_t new_parent,
              std::string_view new_name, unsigned flags);
  void create(fuse_req_t req, fuse_ino_t parent, std::string_view name, mode_t mode,
              const fuse_file_info* fi);
  void open(fuse_req_t req, fuse_ino_t ino, const fuse_file_info* fi);
  void read(fuse_req_t req, size_t size, off_t offset, const fuse_file_info* fi);
  void write(fuse_req_t req, std::string_view bytes, off_t offset, const fuse_file_info* fi);
  void flush(fuse_req_t req, const fuse_file_info* fi);
  void release(fuse_req_t req, const fuse_file_info* fi);
  void opendir(fuse_req_t req, fuse_ino_t ino, const fuse_file_info* fi);
  void readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, bool plus);
  void statfs(fuse_req_t req);
  void getxattr(fuse_req_t req, fuse_ino_t ino, std::string_view name, size_t size);
  void listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);

 private:
  // An opened file. A special file shows the text that it had when it was opened.
  struct File {
    fuse_ino_t ino = 0;
    bool append = false;
    OpenJob job;
    std::string text;
    bool truncated = false;  // config.ini: opened with O_TRUNC, and not written yet
    bool written = false;    // config.ini: holds what has not been applied
  };
  static File* file_of(const fuse_file_info* fi);

  void lookup_for_notifier(fuse_req_t req, fuse_ino_t parent, std::string_view name);
  void confirm_to_notifier(fuse_req_t req);
  void repeat(const Job& job, Dir from, std::optional<Dir> to);
  void forget_times(Dir from, std::optional<Dir> to);
  int64_t waits_for_notifier(Dir dir, std::string_view id);
  void when_committed(fuse_req_t req, std::function<void()> reply);
  void when_settled(std::function<void()> request);
  template <typename Key>
  void when_settled(const Key& job, std::function<void()> request);
  void reply_job_entry(fuse_req_t req, const Job& job, double attr_timeout);
  struct stat attributes_for_all(const Job& job);
  struct stat fixed_attributes(fuse_ino_t ino);
  int open_special(File& file, int flags);
  int write_config(File& file);
  void open_now(fuse_req_t req, fuse_ino_t ino, const fuse_file_info& fi);
  void create_now(fuse_req_t req, const std::string& name, mode_t mode, const Caller& caller,
                  const fuse_file_info& fi);
  int change_directory(fuse_ino_t ino, const struct stat& attr, int to_set, uid_t caller);
  std::string status_text();

  Queue& queue_;
  const Store& store_;
  Notifier& notifier_;
  const Clock& clock_;
  Nodes nodes_;
  bool tells_watchers_;
  fuse_session* session_ = nullptr;
  int64_t started_ns_;
  std::string status_;  // as it was when its size was last asked for
  int64_t status_ns_ = 0;
};

}  // namespace filed
