// A job as the queue knows it, and the four directories that are its states.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace filed {

enum class Dir : uint8_t { kPending, kActive, kFailed, kComplete };
constexpr int kDirs = 4;
constexpr std::string_view kDirNames[kDirs] = {"pending", "active", "failed", "complete"};

constexpr std::string_view dir_name(Dir dir) { return kDirNames[static_cast<int>(dir)]; }

constexpr size_t kMaxIdLength = 255;  // bytes, as any file name

// The bits of a job's mode: permissions, and the sticky bit, which has no meaning. setuid and setgid
// are dropped because a job file must not run as its owner.
constexpr mode_t kJobModeBits = 01777;
// One more bit of Job::mode: the group came from a setgid directory, so perhaps the owner is not a
// member of it. An attempt must not run with this group.
constexpr mode_t kGroupOfDirectory = 0200000;
// And one more: the job got its id when that was the name of a draft. See queue/draft_names.h.
constexpr mode_t kNamedAsDraft = 0400000;

// What became of the latest attempt.
struct Outcome {
  std::optional<int> wait_status;  // as waitpid(2) gives it; empty if there was no process
  std::string cause;               // as in the log's last line; empty after a success
  int64_t started_ns = 0;          // wall time
  int64_t finished_ns = 0;
  int64_t cpu_us = 0;
  int64_t maxrss_kb = 0;
  int interruptions = 0;  // how often filed or the machine went down during the attempt
};

struct Job {
  int64_t ino = 0;  // inode number of the file and key of the row; never used twice
  std::string id;
  Dir dir = Dir::kPending;
  mode_t mode = 0;  // kJobModeBits, kGroupOfDirectory, kNamedAsDraft
  uid_t uid = 0;
  gid_t gid = 0;
  int64_t text_size = 0;
  // The file's times, ns since the epoch. In pending/ mtime is the due time.
  int64_t mtime_ns = 0;
  int64_t atime_ns = 0;
  int64_t ctime_ns = 0;
  int64_t submitted_ns = 0;
  int attempts = 0;      // made so far and counted
  int64_t log = 0;       // number of the latest attempt's log; 0: there is none
  int64_t log_size = 0;  // bytes
  Outcome outcome;
  int refused = 0;  // errno that a writer got: it does not run until it is written anew or moved
  bool parked = false;   // not in the index of what may be claimed while it is open for writing
  bool removed = false;  // it is in no directory, but a file of it is open

  // What the file shows: the text while it is pending, the log elsewhere.
  int64_t size() const { return dir == Dir::kPending ? text_size : log_size; }
  // A draft does not run until it is renamed.
  bool is_draft() const { return id.starts_with('.') || (mode & kNamedAsDraft) != 0; }
  // May be claimed, once it is due and not open for writing.
  bool runnable() const {
    return dir == Dir::kPending && text_size > 0 && !is_draft() && refused == 0;
  }
  // Its latest attempt began and has not ended. Of a pending job: the attempt was interrupted, and
  // the next start goes on with it.
  bool attempt_unfinished() const { return outcome.started_ns != 0 && outcome.finished_ns == 0; }
  // In the index of what may be claimed.
  bool claimable() const { return runnable() && !parked; }
};

}  // namespace filed
