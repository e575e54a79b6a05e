// filed's side of the launcher: forks it, sends it attempts, reads what the attempts print, and
// tells the queue what became of them. One thread only, the loop's.
//
// Order of calls: construct early in main, while the process is small and has one thread, because
// the launcher keeps a copy of its memory; attach() when the loop and the queue exist; mounted()
// after the mount; flush() at the end of each turn; quit() at the end. If this process ends in any
// other way, the launcher sees the end of the socket, kills every attempt, unmounts and exits.
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
#include "launcher/kill_files.h"
#include "launcher/launcher_interface.h"
#include "launcher/launcher_settings.h"
#include "launcher/order_words.h"

namespace filed {

class CgroupTree;
class PacketBatch;
struct KillMessage;
struct StartMessage;

class LauncherClient final : public Launcher {
 public:
  // Forks the launcher and makes this process a child subreaper, so that the jobs become its
  // children if the launcher dies. Opens /dev/null on each of the descriptors 0 to 2 that is
  // closed. Throws Error.
  explicit LauncherClient(const LauncherSettings& settings);

  // Closes the socket: the launcher kills what runs, unmounts and exits. Does not wait for that.
  ~LauncherClient() override;

  LauncherClient(const LauncherClient&) = delete;
  LauncherClient& operator=(const LauncherClient&) = delete;

  // From now on the loop calls `events`. `on_gone` is called once, from the loop, when the launcher
  // has ended, ordered or not; no event comes after it. All three must outlive this object. Throws
  // Error.
  void attach(EventLoop& loop, LauncherEvents& events, std::function<void()> on_gone);

  // Launcher. start and terminate only queue a message for the next flush(). kill and kill_soon kill
  // the attempt's cgroup at once, if there is one. If an attempt cannot be sent
  // (no descriptor, no memory), start_failed comes from the loop, never from within start(). Kills
  // overtake all other messages. A kill or terminate of an attempt that does not run yet withdraws
  // it at once: it never runs, and start_failed follows.
  void start(const StartRequest& request) override;
  void terminate(AttemptId id) override;
  void kill(AttemptId id) override;
  bool kill_soon(AttemptId id) override;
  bool recall_kill(AttemptId id) override;

  // When a held attempt ends, output still comes that is in the pipe (at most what a pipe holds),
  // before exited.
  void hold_output(AttemptId id, bool held) override;

  // Limits and environment for the attempts that start from now on. The rest of the settings is
  // fixed at the fork. Returns 0, E2BIG when they do not fit into a message (128 KiB), or EINVAL
  // (a NUL byte, or a name that is empty or has a '='); then nothing changes.
  int configure(const LimitSettings& limits,
                const std::vector<std::pair<std::string, std::string>>& env);

  // filed has mounted the queue, with that root: the launcher unmounts it at its end. Without this
  // call it unmounts nothing. Sent at once.
  void mounted(Fd root);

  // Sends what is queued, as far as it goes without waiting; the loop sends the rest. To be called
  // at the end of each turn, after the commit.
  void flush();

  // Tells the launcher to kill what still runs, unmount and exit; on_gone follows.
  void quit();

  // For on_gone, and for a launcher that does not exit: kills the launcher, and every attempt that
  // has not ended with all that descends from it. Waits at most `timeout_ms` until they are gone.
  // With cgroups it also kills what ended attempts have left running on purpose; without them that
  // is spared. Returns 0 if nothing is left.
  int kill_everything(int64_t timeout_ms);

  pid_t launcher_pid() const { return launcher_; }

 private:
  // One attempt, from start() to its end.
  //
  //     start() ──► kSent ──► kRunning ──► exited, forgotten
  //        │          └──► start_failed, forgotten
  //        └──► kNotSent ──► start_failed from the loop, forgotten
  struct Attempt {
    enum class Phase { kSent, kRunning, kNotSent };

    Phase phase = Phase::kSent;
    pid_t pid = 0;         // in kRunning
    StartFailure failure;  // in kNotSent
    uint32_t order = OrderWords::kNone;
    Fd output;             // the pipe's read end
    bool watched = false;  // the loop reads `output`
    bool held = false;     // the queue has asked not to read it
  };
  struct Outgoing {
    std::string bytes;
    Fd descriptors[2];                 // closed here once the message is sent
    std::optional<AttemptId> attempt;  // of a start
  };

  bool withdraw(AttemptId id);
  bool kill_here(uint32_t order);
  void queue_kill(const KillMessage& message);
  void forget(AttemptId id);
  void queue(std::string bytes, Fd first = Fd(), Fd second = Fd());
  bool prepare_text(const StartRequest& request, StartMessage& message, Fd& text);
  void fail_later(AttemptId id, const char* step, int error);
  void update_interest();
  void on_socket(uint32_t events);
  void deliver_failures();
  void receive();
  void handle(std::string_view bytes);
  void watch_output(AttemptId id, Attempt& attempt);
  void unwatch_output(Attempt& attempt);
  void on_output(AttemptId id);
  void finish(AttemptId id, const AttemptExit& exit);
  void gone();
  bool reap(int64_t timeout_ms);

  OrderWords orders_;
  std::optional<KillFiles> kill_files_;  // empty: no cgroups
  pid_t launcher_ = -1;
  bool reaped_ = false;
  Fd socket_;
  std::string token_;
  CgroupTree* cgroups_ = nullptr;
  EventLoop* loop_ = nullptr;
  LauncherEvents* events_ = nullptr;
  std::function<void()> on_gone_;
  std::unordered_map<AttemptId, Attempt> attempts_;
  std::deque<Outgoing> outgoing_;    // first the kills
  size_t kills_ = 0;                 // in outgoing_
  std::vector<AttemptId> not_sent_;  // in kNotSent, in the order of their failures
  std::vector<char> buffer_;         // a read's worth of output
  std::unique_ptr<PacketBatch> incoming_;
};

}  // namespace filed
