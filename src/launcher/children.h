// The launcher's children that lead attempts.
//
//     fork ──► kStarting ──► kRunning ──► kEnded ──► reaped, forgotten
//                  │ the start failed                   ▲
//                  └──────► kFailed ────────────────────┘
//
// A child in kEnded is a zombie: it stays one until the rest of its attempt has been killed, so
// that no other process gets its pid, which is also the number of its process group and its session.
#pragma once

#include <sys/types.h>

#include <optional>
#include <unordered_map>
#include <utility>

#include "launcher/launcher_interface.h"
#include "launcher/spawn.h"

namespace filed {

struct Child {
  enum class Phase { kStarting, kFailed, kRunning, kEnded };

  // What filed has asked for. A later order never replaces a stronger one.
  enum class Order {
    kNone,
    kTerminate,   // to be sent at the end of this turn
    kTerminated,  // sent
    kKill,        // to be killed at the end of this turn, and again until no process is left
    kKilled,      // all that was found has got SIGKILL
    kOverdue,     // and filed was told that the leader does not die
  };

  pid_t pid = 0;
  AttemptId attempt = 0;
  Phase phase = Phase::kStarting;
  Order order = Order::kNone;
  uint32_t word = 0;                 // the number of its word in OrderWords
  std::optional<Starting> starting;  // until the start is over, or the child has ended
  StartFailure failure;              // from kFailed on

  // True if it was told to end: then no process of it may outlive it, also none that has left its
  // session on purpose.
  bool must_end() const { return order != Order::kNone; }
};

// All of them, by pid and by attempt.
class Children {
 public:
  Child& add(pid_t pid, AttemptId attempt) {
    pids_[attempt] = pid;
    return children_[pid] = Child{pid, attempt, {}, {}, {}, {}, {}};
  }

  // The leader with that pid, or null.
  Child* find(pid_t pid) {
    auto child = children_.find(pid);
    return child == children_.end() ? nullptr : &child->second;
  }
  bool contains(pid_t pid) const { return children_.contains(pid); }

  // The leader of that attempt, or null.
  Child* find_attempt(AttemptId attempt) {
    auto pid = pids_.find(attempt);
    return pid == pids_.end() ? nullptr : find(pid->second);
  }
  bool contains_attempt(AttemptId attempt) const { return pids_.contains(attempt); }

  void erase(pid_t pid) {
    auto child = children_.find(pid);
    if (child == children_.end()) return;
    pids_.erase(child->second.attempt);
    children_.erase(child);
  }

  bool empty() const { return children_.empty(); }
  auto begin() { return children_.begin(); }
  auto end() { return children_.end(); }

 private:
  std::unordered_map<pid_t, Child> children_;
  std::unordered_map<AttemptId, pid_t> pids_;
};

}  // namespace filed
