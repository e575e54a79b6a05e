// Slots for starts: what a child reads and writes between its fork and its exec. Each start in
// flight has a slot of its own, so the launcher never waits for one.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "launcher/child_memory.h"
#include "launcher/child_steps.h"
#include "launcher/environment.h"
#include "launcher/limits.h"

namespace filed {

struct StartSlot {
  StartPlan plan;  // refers to what follows
  std::vector<Limit> limits;
  std::vector<gid_t> groups;
  EnvironmentBlock environment;
  std::string shell;
  std::string text;
  char* argv[4] = {};
  uid_t uid = 0;
  std::unique_ptr<ChildMemory> memory;  // empty: the child is forked, and has a copy of the slot
};

class StartSlots {
 public:
  // Slots with memory. An exec takes a millisecond or two, so only hanging starts use so many.
  static constexpr int kMax = 32;
  // Of one user, so that the starts of others stay cheap while this one's hang.
  static constexpr int kMaxOfUser = kMax / 2;

  struct GiveBack {
    StartSlots* slots = nullptr;
    void operator()(StartSlot* slot) const { slots->give_back(slot); }
  };
  using Lease = std::unique_ptr<StartSlot, GiveBack>;

  StartSlots() = default;
  StartSlots(const StartSlots&) = delete;
  StartSlots& operator=(const StartSlots&) = delete;

  // A slot for a start as that user. One with memory is to be given back when the child has reached
  // its exec or its end; one without memory right after the fork. What is in it is from the start
  // before. All slots must be given back before this object is destroyed.
  Lease take(uid_t uid);

 private:
  void give_back(StartSlot* slot);
  std::unique_ptr<ChildMemory> make_memory();

  std::vector<std::unique_ptr<StartSlot>> free_;  // with memory
  std::unordered_map<uid_t, int> of_user_;        // slots with memory that are in use
  int made_ = 0;                                  // slots with memory
};

}  // namespace filed
