#include "launcher/start_slots.h"

#include <utility>

#include "base/error.h"

namespace filed {

StartSlots::Lease StartSlots::take(uid_t uid) {
  std::unique_ptr<StartSlot> slot;
  auto user = of_user_.find(uid);
  if (user == of_user_.end() || user->second < kMaxOfUser) {
    if (!free_.empty()) {
      slot = std::move(free_.back());
      free_.pop_back();
    } else if (auto memory = make_memory()) {
      slot = std::make_unique<StartSlot>();
      slot->memory = std::move(memory);
    }
  }
  if (!slot) slot = std::make_unique<StartSlot>();
  slot->uid = uid;
  if (slot->memory) ++of_user_[uid];
  return Lease(slot.release(), GiveBack{this});
}

// Null if there is enough of it, or if the machine has no more.
std::unique_ptr<ChildMemory> StartSlots::make_memory() {
  if (!ChildMemory::is_possible() || made_ == kMax) return nullptr;
  try {
    auto memory = std::make_unique<ChildMemory>();
    ++made_;
    return memory;
  } catch (const Error&) {
    return nullptr;
  }
}

void StartSlots::give_back(StartSlot* slot) {
  std::unique_ptr<StartSlot> owned(slot);
  if (!owned->memory) return;
  auto user = of_user_.find(owned->uid);
  if (--user->second == 0) of_user_.erase(user);
  free_.push_back(std::move(owned));
}

}  // namespace filed
