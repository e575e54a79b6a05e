// filed's side of the launcher: forks it, sends it attempts, reads what the attempts print, and
// tells the queue what became of them. One thread only, the loop's.
//
// Life: construct early in main, while the process is small and has one thread (the launcher keeps
// what is in memory then, and of the descriptors only those named in the settings); attach() when
// the loop and the queue are there; mounted() once the mount is ours; flush() at the end of each
// turn; quit() at the end. When this process dies in any other way, the launcher
// sees the socket's end, kills every attempt, detaches the mount and leaves.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/event_loop.h"
#include "base/fd.h"
#include "config/settings.h"
#include "launcher/launcher_interface.h"

namespace filed {

class PacketBatch;

// Called in the child, last before exec, to give up rights for good. Returns 0, or an errno with
// *stage set to a string constant that names what failed; the attempt then does not run. It runs
// between fork and exec in memory that it shares with the launcher: system calls only, and no write
// but to its own stack and *stage.
using ConfineHook = int (*)(void* context, const char** stage) noexcept;

struct JobUser {
  uid_t uid = 0;
  gid_t gid = 0;
};

struct LauncherSettings {
  std::string mount_dir;  // absolute and without symbolic links: the launcher's directory is /
  LimitSettings limits;
  std::vector<std::pair<std::string, std::string>>
      env;  // [env]; names that begin FILED_ are ignored

  // Whose rights an attempt gets: its job's owner's (needs root); or else those of `user` (needs
  // root); or else the launcher's own, unchanged.
  bool as_owner = false;
  std::optional<JobUser> user;

  ConfineHook confine = nullptr;
  void* confine_context = nullptr;
  std::vector<int>
      confine_descriptors;  // what the hook uses; stay open in the launcher, not in jobs

  bool use_fusermount = false;  // detach the mount with fusermount3, not with umount2

  // Marks this daemon's jobs: each has FILED_RUN=<token>.<run id> in its environment, by which
  // kill_marked() finds them when both processes have died. No '.', '=' or NUL in it.
  std::string token;
};

class LauncherClient final : public Launcher {
 public:
  // Forks the launcher and makes this process a child subreaper, so that the jobs of a launcher
  // that dies come to us. Opens /dev/null on each of the descriptors 0 to 2 that is closed. Throws
  // Error.
  explicit LauncherClient(const LauncherSettings& settings);

  // Ends the launcher as the death of this process would: it kills what runs and detaches the
  // mount. Does not wait for that.
  ~LauncherClient() override;

  LauncherClient(const LauncherClient&) = delete;
  LauncherClient& operator=(const LauncherClient&) = delete;

  // From now on the loop tells `events` what happens. `on_gone` is called once, from the loop, when
  // the launcher has ended, whether it was told to or not; no event comes after it. All three must
  // outlive this object. Throws Error.
  void attach(EventLoop& loop, LauncherEvents& events, std::function<void()> on_gone);

  // Launcher. All of these only queue a message, to go at the next flush(). What keeps an attempt
  // from being sent (no descriptor, no memory) is told by start_failed from the loop, never from
  // within.
  void start(const StartRequest& attempt) override;
  void terminate(AttemptId run) override;
  void kill(AttemptId run) override;

  // Output that is still in the pipe when a held attempt ends (at most what a pipe holds) is handed
  // on all the same, before exited.
  void hold_output(AttemptId run, bool held) override;

  // Limits and environment for the attempts that start from now on. The rest of the settings is
  // fixed at the fork. Returns 0, E2BIG when they do not fit into a message (128 KiB), or EINVAL
  // (a NUL byte, or a name that is empty or has a '='); then nothing changes.
  int configure(const LimitSettings& limits,
                const std::vector<std::pair<std::string, std::string>>& env);

  // mount_dir is mounted and ours: the launcher detaches it at its end. Before this call it never
  // touches it. Sent at once.
  void mounted();

  // Sends what is queued, as far as it goes without waiting; the loop sends the rest. To be called
  // at the end of each turn, after the commit.
  void flush();

  // Tells the launcher to kill what still runs, detach the mount and leave; on_gone follows.
  void quit();

  // For on_gone, and for a launcher that does not leave: kills the launcher, every attempt that has
  // not ended and all that descends from it, with SIGKILL, and waits, at most `timeout_ms`, until
  // they are gone. What ended attempts left running on purpose (daemons in sessions of their own)
  // is spared. Returns the number of processes that are still there.
  int kill_everything(int64_t timeout_ms);

  pid_t launcher_pid() const { return launcher_; }

 private:
  struct Run {
    Fd output;  // the pipe's read end
    pid_t pid = 0;
    bool watched = false;
    bool held = false;
  };
  struct Outgoing {
    std::string bytes;
    Fd descriptors[2];             // closed here once the message is sent
    std::optional<AttemptId> run;  // of a start
  };
  struct Failed {
    AttemptId run;
    StartFailure failure;
  };

  void queue(std::string bytes, Fd first = Fd(), Fd second = Fd());
  void fail_later(AttemptId run, const char* stage, int error);
  void update_interest();
  void on_socket(uint32_t events);
  void deliver_failures();
  void receive();
  void handle(std::string_view bytes);
  void watch_output(AttemptId run, Run& state);
  void unwatch_output(Run& state);
  void on_output(AttemptId run);
  void finish(AttemptId run, const AttemptExit& exit);
  void gone();
  bool reap(int64_t timeout_ms);

  pid_t launcher_ = -1;
  bool reaped_ = false;
  Fd socket_;
  uint32_t interest_ = 0;
  std::string token_;
  EventLoop* loop_ = nullptr;
  LauncherEvents* events_ = nullptr;
  std::function<void()> on_gone_;
  std::unordered_map<AttemptId, Run> runs_;
  std::deque<Outgoing> outgoing_;
  std::vector<Failed> failed_;
  std::vector<char> buffer_;  // a read's worth of output
  std::unique_ptr<PacketBatch> incoming_;
};

// Kills every process that carries FILED_RUN=<token>.<run> for one of `runs`, and its descendants;
// with an empty `token` nothing. The caller, its ancestors and its children are spared. For the
// start after a crash of both processes: pass the attempts that were active then, so that daemons
// which earlier jobs started on purpose live on. Returns how many were killed.
int kill_marked(std::string_view token, const std::vector<AttemptId>& runs);

}  // namespace filed
