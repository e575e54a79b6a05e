// Rooms for starts: what a child reads and writes between its fork and its exec. Each start in
// flight has a room of its own, so the launcher never waits for one.
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

struct StartRoom {
  StartPlan plan;  // refers to what follows
  std::vector<Limit> limits;
  std::vector<gid_t> groups;
  EnvironmentBlock environment;
  std::string shell;
  std::string text;
  char* argv[4] = {};
  uid_t uid = 0;
  std::unique_ptr<ChildMemory> memory;  // empty: the child is forked, and has a copy of the room
};

class StartRooms {
 public:
  // Rooms with memory. An exec takes a millisecond or two, so only hanging ones fill so many.
  static constexpr int kMax = 32;
  // Of one user, so that the starts of others stay cheap while this one's hang.
  static constexpr int kMaxOfUser = kMax / 2;

  struct GiveBack {
    StartRooms* rooms = nullptr;
    void operator()(StartRoom* room) const { rooms->give_back(room); }
  };
  using Lease = std::unique_ptr<StartRoom, GiveBack>;

  StartRooms() = default;
  StartRooms(const StartRooms&) = delete;
  StartRooms& operator=(const StartRooms&) = delete;

  // A room for a start as that user. One with memory is to be given back when the child has reached
  // its exec or its end; one without memory right after the fork. What is in it is from the start
  // before. All rooms must be given back before this object is destroyed.
  Lease take(uid_t uid);

 private:
  void give_back(StartRoom* room);
  std::unique_ptr<ChildMemory> make_memory();

  std::vector<std::unique_ptr<StartRoom>> free_;  // with memory
  std::unordered_map<uid_t, int> of_user_;        // rooms with memory that are in use
  int made_ = 0;                                  // rooms with memory
};

}  // namespace filed
