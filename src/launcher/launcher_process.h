// The launcher's loop and what it keeps. Its start and its turns are in launcher.cc, the ends of
// attempts and its own end in launcher_ends.cc.
#pragma once

#include <poll.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "launcher/children.h"
#include "launcher/containment.h"
#include "launcher/launcher_settings.h"
#include "launcher/order_words.h"
#include "launcher/own_mount.h"
#include "launcher/process_table.h"
#include "launcher/protocol.h"
#include "launcher/spawn.h"

namespace filed {

class LauncherProcess {
 public:
  LauncherProcess(const LauncherSettings& settings, Fd socket);
  [[noreturn]] void serve();

 private:
  static constexpr int64_t kRetryNs = 20 * kNsPerMs;  // until an unfinished kill is repeated
  static constexpr size_t kPolledAlways = 3;          // then come the starts under way

  // An attempt whose leader was reaped while another process of it, which was killed, had not died.
  struct Ending {
    AttemptId attempt = 0;
    uint32_t word = 0;        // as Child::word
    bool word_ended = false;  // the word is OrderWords::end()
    std::string report;       // the packet that is sent when all that was killed is dead
    pid_t pid = 0;            // a process that is waited for
    Fd process;               // its pidfd, in dying_
    bool told = false;        // filed knows that it does not die
  };

  void wait_for_events();
  void look_at_starts();
  void receive();
  void handle_batch();
  void handle(const Message& message, size_t packet);
  void order_kill(const KillMessage& kill);
  void order(AttemptId attempt, Child::Order order);
  void start(const StartMessage& message, size_t packet);
  void look_at_start(Child& child, bool ready);
  void give_up_start(Child& child, const StartFailure& failure);
  void note_killed(Child& child);
  void look_at_killed();
  void reap();
  void reap_ended(pid_t pid);
  bool is_over(Ending& ending);
  void look_at_dying();
  void kill_ended(AttemptId attempt);
  void tell_undying(AttemptId attempt, pid_t pid);
  void carry_out_orders();
  Targets with_order(Child::Order order);
  void take_sigchld();
  void reply(const Message& message);
  void send_replies();
  void kill_all(int64_t deadline_ns);
  void await_ends(int64_t deadline_ns);
  bool is_filed_gone();
  [[noreturn]] void exit_process();

  const pid_t filed_ = getppid();
  Fd socket_;
  Fd signals_;
  Fd dying_;  // an epoll of Ending::process, by attempt
  OrderWords& orders_;
  LinuxProcesses table_;
  Spawner spawner_;
  Children children_;
  std::vector<pid_t> starting_;  // those of them in Child::Phase::kStarting
  std::unordered_map<AttemptId, Ending> ending_;
  // Those that got SIGKILL, and until when they have time to die (monotonic), in this order.
  std::deque<std::pair<int64_t, AttemptId>> killed_;
  Containment containment_;
  OwnMount mount_;
  PacketBatch incoming_;
  std::vector<std::string> replies_;
  std::vector<pollfd> polled_;      // the socket, the signals, dying_, then starts under way
  std::vector<pid_t> polled_pids_;  // of the starts under way
  bool has_orders_ = false;         // a child may have an order that is not yet carried out
  bool more_to_reap_ = false;       // the last look at children has ended early
  bool exiting_ = false;
};

}  // namespace filed
