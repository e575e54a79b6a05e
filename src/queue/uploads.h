// Texts while users write them. A text is in memory from the first open for writing to the last
// close. Each close(2) of a writer stages the text for the store. A job that is being written is
// not claimed, so that no half-written text runs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "queue/caller.h"
#include "queue/core.h"
#include "queue/deadlines.h"
#include "queue/gathering.h"
#include "queue/job.h"
#include "queue/open_files.h"
#include "queue/user_caps.h"
#include "queue/user_quota.h"

namespace filed {

// A pending job that is open for writing.
struct Upload {
  // Where the job is, apart from memory:
  //
  //     kNone ──first flush, rename or close──► kStored ──rm──► kRemoved
  //       └──────────────────────rm─────────────────────────────────▲
  enum class Row : uint8_t { kNone, kStored, kRemoved };

  Row row = Row::kNone;
  Job job;  // all there is while there is no row
  std::string text;
  uint64_t version = 0;  // of the text and its mtime
  uint64_t saved_version = 0;
  uint64_t staged_version = 0;  // by this turn; 0: none
  int writers = 0;
  int user_writers = 0;     // those of them that are not root's
  bool renamed = false;     // since the first open
  int failed = 0;           // errno of a write that was refused: the text is incomplete
  int commit_failed = 0;    // errno of the last commit, if that could not store the text
  int64_t staged_size = 0;  // of the text in the row, as far as known
  uid_t charged_to = 0;

  bool dirty() const { return version != saved_version; }
  bool in_memory_only() const { return row != Row::kStored; }
};

class Uploads {
 public:
  // Only that many closed temporary files wait for their rename at a time.
  static constexpr size_t kMaxHeld = 1000;

  Uploads(const Core& core, UserQuota& quota, UserCaps& caps, OpenFiles& open_files)
      : core_(core), quota_(quota), caps_(caps), open_files_(open_files) {}

  // A new job, open for writing, without a row. EDQUOT. The caller has checked the id.
  int create(std::string_view id, mode_t mode, const Caller& caller, Job& job, OpenJob& file);
  // Opens a pending job for writing. EDQUOT, or the errno of the store.
  int open(const Job& job, bool truncate, const Caller& caller, OpenJob& file);
  // EINVAL for a NUL byte if the job is no draft, EFBIG above job_size_limit, EDQUOT above
  // upload_limit or user_bytes, EBADF if not open for writing. After an error the upload is
  // incomplete: flush() fails alike until the text is cut to 0. If a text of the job is stored, the
  // error stages that it is refused: it does not run until the job is written anew or moved.
  int write(const OpenJob& file, int64_t offset, std::string_view bytes);
  // Stages the text as it is now; nothing if there is none. EINVAL for a NUL byte in it; a hole
  // reads as NUL bytes. EDQUOT if the owner has no room for it.
  int flush(const OpenJob& file);
  // The last close by a writer makes the job runnable, if the latest text of all writers is stored; if
  // not, the job is refused. A temporary file that was not renamed is
  // held for a second more, because its program will probably rename it.
  void close(const OpenJob& file);

  // Cuts or extends the text. Errors as for write().
  int resize(Upload& upload, int64_t size);
  // Cuts the text of a pending job that is not open for writing. EINVAL if that would extend it,
  // because the new bytes would be NUL bytes. `job` has the new attributes.
  int truncate_closed(const Job& before, Job& job, int64_t size);
  // Stages the text as flush() does, and the row of a job that has none yet. Errors as for flush().
  int stage_for_rename(Upload& upload);
  // The job's new id is staged.
  void renamed(const Job& job);
  // The removal of the job's row is staged, or it had no row.
  void removed(Upload& upload);

  Upload* find(int64_t ino);
  const Upload* find(int64_t ino) const;
  // The inode number of the upload without a row that has this id.
  std::optional<int64_t> find_new(std::string_view id) const;
  size_t new_jobs() const { return new_ids_.size(); }
  // All uploads by inode number, for listings.
  const std::map<int64_t, Upload>& all() const { return uploads_; }
  // Lays the size and the mtime of what is being written over a pending job's row.
  void overlay(Job& job) const;

  // True if the job is open for writing, about to be renamed, or refused by an error that is not stored
  // yet.
  bool blocks(int64_t ino) const {
    return uploads_.contains(ino) || held_.has(key(ino)) || unmarked_.contains(ino);
  }
  // Stages again the refusals that a commit failed to store.
  void retry_refusals();

  // Until when the commit waits for more receipts, monotonic: see Gathering.
  std::optional<int64_t> gather_until_ns() { return gathering_.until_ns(core_.clock.mono_ns()); }
  void end_turn() { gathering_.end_turn(); }

  // Releases files that were held for a rename.
  void run_deadlines(int64_t now_ns);
  std::optional<int64_t> next_deadline_ns() const { return held_.next(); }

 private:
  static Deadlines::Key key(int64_t ino) { return static_cast<Deadlines::Key>(ino); }
  void add_new(const Upload& upload);
  void forget_new(const Upload& upload);
  void touched(Upload& upload);
  int stage_text(Upload& upload);
  int refuse_write(Upload& upload, int error);
  int mark_refused(int64_t ino, int error);
  void keep_refused(int64_t ino, int error);
  void accept(int64_t ino);
  int give_row(Upload& upload);
  int give_empty_row(Upload& upload);
  void end(Upload& upload);
  int64_t upload_limit() const { return core_.settings().upload_limit; }

  const Core core_;
  UserQuota& quota_;
  UserCaps& caps_;
  OpenFiles& open_files_;
  std::map<int64_t, Upload> uploads_;                 // by inode number
  std::unordered_map<std::string, int64_t> new_ids_;  // id → inode number of uploads without a row
  Deadlines held_;                                    // closed temporary files, by inode number
  std::unordered_map<int64_t, int> unmarked_;  // refused: inode number → errno, not stored yet
  Gathering gathering_;
};

}  // namespace filed
