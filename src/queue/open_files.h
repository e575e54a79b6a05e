// The job files that are open, and what outlives the removal of a job because a file of it is
// open: the job itself, its text, and logs that are still being read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "queue/attempt_log.h"
#include "queue/core.h"
#include "queue/job.h"
#include "queue/user_caps.h"
#include "queue/user_quota.h"

namespace filed {

// An open job file. It shows the same text or log until it is closed.
struct OpenJob {
  enum class View { kText, kLog };
  int64_t ino = 0;
  View view = View::kText;
  bool writer = false;
  // Opened with O_RDWR and O_EXCL, as mkstemp(3) does. Its program will probably rename it soon.
  bool temporary = false;
  uid_t opened_by = 0;
  int64_t log = 0;  // kLog: its number and size
  int64_t log_size = 0;
  std::shared_ptr<AttemptLog> live;  // kLog: set if the attempt was running at the open
  AttemptLog::Reader reader;
};

class OpenFiles {
 public:
  // A job that was removed while a file of it was open.
  struct Unlinked {
    Job job;
    std::optional<std::string> text;  // empty if nothing shows it, or its owner's quota was full
  };

  OpenFiles(const Core& core, UserQuota& quota, UserCaps& caps)
      : core_(core), quota_(quota), caps_(caps) {}

  // Every opened file is closed once. The last close of a removed job forgets it; the last close of
  // a discarded log removes the log.
  void opened(const OpenJob& file);
  void closed(const OpenJob& file);

  // The largest offset that an open file has read from a log of this job, an older log included.
  // 0 if none has.
  int64_t log_read_to(int64_t ino) const;
  void note_log_read(int64_t ino, int64_t end);

  // The job is being removed in this turn: keeps it, with its text, for the files that show it.
  void unlink(const Job& job);
  // The last writer of a job that was removed before has closed it.
  void unlink_written(const Job& job, const std::string& text);
  // The removed job, or nullptr.
  const Unlinked* unlinked(int64_t ino) const;

  // Removes a job's log from the store, or defers that to the close of its last reader; until then
  // its owner is charged. Nothing if the job has none. Returns 0 or the errno of the store.
  int discard_log(const Job& job);
  // The same, but the log stays until release_log() or keep_log() is called, or filed is started
  // again.
  int hold_log(const Job& job);
  // Nothing for log number 0.
  int release_log(int64_t log);
  // Takes the discarding back.
  int keep_log(int64_t log);

 private:
  struct OpenCount {
    int files = 0;
    int text_views = 0;  // those of them that show the text
    int64_t log_read_to = 0;
    std::optional<Unlinked> unlinked;
  };
  struct Readers {
    int files = 0;
    // Once it is discarded.
    struct Discarded {
      uid_t owner = 0;
      int64_t bytes = 0;
    };
    std::optional<Discarded> discarded;
  };

  void forget_discarded(Readers& readers);
  void forget_unlinked(OpenCount& open);
  bool keep_text(Unlinked& unlinked);
  void end_hold(int64_t log);

  const Core core_;
  UserQuota& quota_;
  UserCaps& caps_;
  std::unordered_map<int64_t, OpenCount> open_;   // by the job's inode number
  std::unordered_map<int64_t, Readers> readers_;  // by the log's number
};

}  // namespace filed
