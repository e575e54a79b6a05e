// One word for each order to start, in memory that filed shares with its launcher and with the
// launcher's children. With it filed withdraws an order at once, even if the launcher is stopped:
//
//     kOrdered ──► kTaken ──► kRunning      by the launcher, then by the child just before its exec
//         └──────────┴──────► kWithdrawn    by filed
//
//     kRunning ◄──► kCondemned ──► kKilled  by filed, which may recall it; then by the launcher
//     kRunning ◄──► kKilledHere             by filed, which then kills the attempt's cgroup; if that
//                                           fails, it goes back
//     kRunning ───► kEnded                  by the launcher, before the cgroup gets another attempt
//
// Each arrow is a compare and swap. What was withdrawn never runs a program of a job. A kill that was
// recalled is not carried out. A cgroup that filed kills is not used again.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace filed {

using OrderWord = std::atomic<uint32_t>;
static_assert(OrderWord::is_always_lock_free);

class OrderWords {
 public:
  // Attempts under way. Far more than workers; only what does not die adds to these.
  static constexpr uint32_t kCount = 65536;
  static constexpr uint32_t kNone = UINT32_MAX;

  // Before the fork of the launcher. Throws Error.
  OrderWords();
  ~OrderWords();
  OrderWords(const OrderWords&) = delete;
  OrderWords& operator=(const OrderWords&) = delete;

  OrderWord& word(uint32_t number) { return words_[number]; }

  // The number of the attempt's cgroup (kill_files.h); 0: none. The launcher notes it before it takes
  // the order.
  void set_group(uint32_t number, uint32_t group) { groups_[number] = group; }
  uint32_t group(uint32_t number) const { return groups_[number]; }

  // filed's side. Takes a word that is free, and makes it kOrdered. Returns kNone if all are in use.
  uint32_t open();
  // The attempt has ended: its word may be used again.
  void close(uint32_t number);

  // Returns true if no program runs and none will.
  static bool withdraw(OrderWord& word);
  // Asks for a kill that can be recalled. Returns false if the program does not run, or is killed.
  static bool condemn(OrderWord& word);
  // Returns false if the launcher has begun to kill.
  static bool recall(OrderWord& word);
  // filed is about to kill the attempt's cgroup. Returns false if the program does not run, or the
  // launcher kills it.
  static bool kill_here(OrderWord& word);
  // filed could not kill the cgroup: undoes kill_here().
  static void leave(OrderWord& word);

  // The launcher begins a kill that can be recalled. Returns false if it was recalled.
  static bool kill(OrderWord& word);
  // The launcher takes the order. Returns false if it was withdrawn.
  static bool take(OrderWord& word);
  // The leader has ended. Returns false if filed kills its cgroup.
  static bool end(OrderWord& word);
  // The child is about to exec. Returns false if the order was withdrawn. Async-signal-safe.
  static bool run(OrderWord& word) noexcept;

 private:
  OrderWord* words_;
  std::atomic<uint32_t>* groups_;
  uint32_t unused_ = 0;  // words from here on were never used
  std::vector<uint32_t> free_;
};

}  // namespace filed
