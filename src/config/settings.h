// Every setting of filed, with its default. Durations are milliseconds and sizes are bytes,
// unless a name says otherwise.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "sandbox/spec.h"

namespace filed {

constexpr int kMaxWorkers = 10'000;

enum class Durability {
  kFull,    // a receipt survives a power cut
  kNormal,  // a receipt survives a crash of filed; a power cut may take the last ones
};

// [queue]: what may be changed while the daemon runs, through config.ini.
struct QueueSettings {
  bool pause = false;     // no attempt starts; what runs goes on
  int workers = 1;        // attempts at once; 0 pauses the queue, too
  int retries = 3;        // further attempts after the first
  int interruptions = 3;  // of an attempt by a crash, until the job fails; 0: any number
  int64_t backoff_ms = 1000;
  double backoff_factor = 2;
  int64_t backoff_max_ms = 3'600'000;
  int64_t timeout_ms = 0;  // 0: none
  int64_t kill_grace_ms = 3000;
  int64_t stop_grace_ms = 5000;
  int64_t output_limit = 16 << 20;
  int64_t job_size_limit = 1 << 20;
  int64_t upload_limit = 64 << 20;  // held for one user by jobs that are still being written
  // What one owner may have; 0: no cap. They do not hold for root.
  int user_workers = 0;          // running attempts
  int64_t user_jobs = 0;         // jobs
  int64_t user_bytes = 0;        // rows, texts and logs
  int64_t user_open = 0;         // job files that are open
  int64_t keep_complete_ms = 0;  // 0: for ever
  int64_t keep_failed_ms = 0;    // 0: for ever
  Durability durability = Durability::kFull;
  std::string shell = "/bin/sh";
  std::string drafts;  // further endings of the names of drafts, with blanks between them
};

enum class AllowOther { kAuto, kYes, kNo };

// [mount]
struct MountSettings {
  std::string dir;
  mode_t mode = 0755;  // of the four directories and of the root
  std::string owner;   // names or numbers; empty: those of the daemon
  std::string group;
  AllowOther allow_other = AllowOther::kAuto;
  bool inotify = true;  // inotify also reports moves that filed makes
};

// [daemon]
struct DaemonSettings {
  std::string user;  // of the jobs; names or numbers; empty: the owner of each job
  std::string group;
  std::string serve_as;  // a name or number; empty: see serving_user()
  std::string state_file;
  LogTarget log = LogTarget::kStderr;
  LogLevel log_level = LogLevel::kInfo;
};

enum class UseCgroups {
  kAuto,      // where filed can have them
  kRequired,  // filed refuses to start without
};

// What is killed when the main process of an attempt has ended by itself.
enum class KillLeftovers {
  kSession,  // what is left in its session
  kAll,      // what is left of the attempt
};

// [sandbox], too: what keeps the processes of an attempt together.
struct ContainmentSettings {
  UseCgroups cgroup = UseCgroups::kAuto;
  KillLeftovers kill_leftovers = KillLeftovers::kSession;
};

// [limits]: setrlimit(2) and nice(2) for every attempt; a limit that is not set is inherited.
struct LimitSettings {
  std::optional<int64_t> cpu_s;
  std::optional<int64_t> memory;  // RLIMIT_AS
  std::optional<int64_t> files;
  std::optional<int64_t> processes;
  std::optional<int64_t> file_size;
  std::optional<int> nice;
};

// [hooks]: commands; empty: none.
struct HookSettings {
  std::string on_failure;
  std::string on_complete;
};

struct Settings {
  QueueSettings queue;
  MountSettings mount;
  DaemonSettings daemon;
  SandboxSpec sandbox;
  ContainmentSettings containment;
  LimitSettings limits;
  std::vector<std::pair<std::string, std::string>> env;
  HookSettings hooks;

  // For each key of [queue] that a file sets: the file ("/etc/filed/filed.conf") and the text of
  // the value as written.
  struct Written {
    std::string source;
    std::string value;
  };
  std::map<std::string, Written> queue_written;
};

// Every setting at its default, with as many workers as there are CPUs for this process.
Settings default_settings();

// Reads a configuration file into `settings`, on top of what they hold. Throws Error
// ("/path/file:LINE: reason", or "/path/file: reason" for the file as a whole) with the settings
// unchanged. Users and paths are not looked up.
void read_config_file(const std::string& path, Settings& settings);

}  // namespace filed
