#include "launcher/start_rooms.h"

#include <utility>

#include "base/error.h"

namespace filed {

StartRooms::Lease StartRooms::take(uid_t uid) {
  std::unique_ptr<StartRoom> room;
  auto user = of_user_.find(uid);
  if (user == of_user_.end() || user->second < kMaxOfUser) {
    if (!free_.empty()) {
      room = std::move(free_.back());
      free_.pop_back();
    } else if (auto memory = make_memory()) {
      room = std::make_unique<StartRoom>();
      room->memory = std::move(memory);
    }
  }
  if (!room) room = std::make_unique<StartRoom>();
  room->uid = uid;
  if (room->memory) ++of_user_[uid];
  return Lease(room.release(), GiveBack{this});
}

// Null if there is enough of it, or if the machine has no more.
std::unique_ptr<ChildMemory> StartRooms::make_memory() {
  if (!ChildMemory::is_possible() || made_ == kMax) return nullptr;
  try {
    auto memory = std::make_unique<ChildMemory>();
    ++made_;
    return memory;
  } catch (const Error&) {
    return nullptr;
  }
}

void StartRooms::give_back(StartRoom* room) {
  std::unique_ptr<StartRoom> owned(room);
  if (!owned->memory) return;
  auto user = of_user_.find(owned->uid);
  if (--user->second == 0) of_user_.erase(user);
  free_.push_back(std::move(owned));
}

}  // namespace filed
