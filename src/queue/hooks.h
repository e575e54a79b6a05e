// The commands of [hooks]. One command is run for each job that ends in failed/ or complete/, as
// the daemon's user, with the job's log as its input. Their number and time are bounded. Each owner
// of jobs has a queue, and owners take turns. Failures are logged. Nothing else depends on them.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "config/settings.h"
#include "launcher/launcher_interface.h"
#include "queue/core.h"
#include "queue/job.h"
#include "queue/shares.h"

namespace filed {

class Hooks final : public LauncherEvents {
 public:
  static constexpr size_t kMaxRunning = 4;
  // An owner of which none runs does not wait for those of others, as long as less than these run.
  static constexpr size_t kMaxRunningOfAll = 8;
  static constexpr size_t kMaxWaiting = 1000;  // of one owner; more are dropped
  static constexpr int64_t kTimeoutNs = 60 * kNsPerSec;

  // `mount_dir` is where FILED_LOG points into.
  Hooks(const Core& core, Launcher& launcher, std::string mount_dir);

  // Sets the commands for jobs that end from now on.
  void set(const HookSettings& settings) { settings_ = settings; }

  // `job` has ended in failed/ or complete/, and that is committed.
  void job_ended(const Job& job);

  // True for the number of a command that runs.
  bool owns(AttemptId id) const { return running_.contains(id); }
  void started(AttemptId, pid_t) override {}
  void start_failed(AttemptId id, const StartFailure& failure) override;
  void output(AttemptId id, std::string_view bytes) override;
  void killed(AttemptId) override {}
  void undying(AttemptId id, pid_t pid, char state) override;
  void exited(AttemptId id, const AttemptExit& exit) override;

  // Kills commands that have run too long.
  void run_deadlines(int64_t now_ns);
  std::optional<int64_t> next_deadline_ns() const;  // monotonic

  // Starts no more commands. Those that run are killed at `deadline_ns`, monotonic.
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
    std::optional<int64_t> deadline_ns;  // empty: it was killed
  };

  // The commands of one owner.
  struct Waiting {
    std::deque<Hook> hooks;
    int64_t dropped = 0;  // since there was room
  };

  std::optional<uid_t> next_owner() const;
  void start_waiting();
  Hook take_next(uid_t uid);
  int start(const Hook& hook);
  int copy_log(const Job& job, int fd);
  void report(const Job& job, const char* name, const std::string& cause);
  void report(const Running& running, const std::string& cause);
  void forget(AttemptId id);

  const Core core_;
  Launcher& launcher_;
  std::string mount_dir_;
  HookSettings settings_;
  Shares shares_;
  std::unordered_map<uid_t, Waiting> waiting_;  // of owners that have any
  std::unordered_map<AttemptId, Running> running_;
};

}  // namespace filed
