// The commands of [hooks]: one is run for each job whose last attempt has ended, as the daemon's
// user, with the job's log as its input. Their number and time are bounded, and what becomes of
// them changes nothing but the daemon's log.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "config/settings.h"
#include "launcher/launcher_interface.h"
#include "queue/job.h"
#include "queue/store.h"

namespace filed {

class Hooks {
 public:
  static constexpr size_t kMostAtOnce = 4;
  static constexpr size_t kMostWaiting = 1000;  // beyond, hooks are left out
  static constexpr int64_t kTimeoutNs = 60 * kNsPerSec;

  // `mount_dir` is where FILED_LOG points into.
  Hooks(Store& store, Launcher& launcher, const Clock& clock, std::string mount_dir);

  // For the jobs that end from now on.
  void set(const HookSettings& settings) { settings_ = settings; }

  // `job` has ended in failed/ or complete/, and that is committed.
  void job_ended(const Job& job);

  // Events of runs that are hooks: the queue passes them on.
  bool owns(AttemptId run) const { return running_.contains(run); }
  void start_failed(AttemptId run, const StartFailure& failure);
  void output(AttemptId run, std::string_view bytes);
  void exited(AttemptId run, const AttemptExit& exit);

  // Kills what has run too long.
  void run_deadlines(int64_t now_ns);
  int64_t next_deadline_ns() const;  // monotonic; negative: none

  // No more starts; what runs may go on until `deadline_ns`.
  void stop(int64_t deadline_ns);
  bool idle() const { return running_.empty(); }

 private:
  struct Hook {
    const char* name = "";  // "on_failure"
    std::string command;
    Job job;
  };
  struct Running {
    Hook hook;
    std::string output;
    int64_t deadline_ns = 0;
  };

  void start_waiting();
  int start(Hook hook);
  int copy_log(const Job& job, int fd);
  void report(const Running& running, const std::string& cause);
  void forget(AttemptId run);

  Store& store_;
  Launcher& launcher_;
  const Clock& clock_;
  std::string mount_dir_;
  HookSettings settings_;
  std::deque<Hook> waiting_;
  std::unordered_map<AttemptId, Running> running_;
  bool dropping_ = false;
};

}  // namespace filed
