#include "launcher/cgroup_pool.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

namespace filed {
namespace {

// Each holds three descriptors. More are only free after a burst of attempts.
constexpr size_t kMaxFree = 64;

}  // namespace

uint32_t CgroupPool::number(const Cgroup& group) {
  uint32_t number = 0;
  const std::string& name = group.name();
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() ? number : 0;
}

std::unique_ptr<Cgroup> CgroupPool::take(uint64_t attempt) {
  std::unique_ptr<Cgroup> group;
  int error = 0;
  if (free_.empty()) {
    group = std::make_unique<Cgroup>();
    do {
      error = group->make(directory_, std::to_string(next_++));
    } while (error == EEXIST);
    if (error == 0) kill_files_.made(number(*group), group->kill_file());
  } else {
    group = std::move(free_.back());
    free_.pop_back();
  }
  if (error == 0) error = group->set_attempt(attempt);
  if (error == 0) return group;
  if (*group) group->remove();
  errno = error;
  return nullptr;
}

void CgroupPool::give_back(std::unique_ptr<Cgroup> group, bool is_empty) {
  bool populated = !is_empty && group->is_populated();
  // The kernel's count of such kills cannot be set back.
  bool is_used = group->was_killed() || group->ran_out_of_memory();
  if (!populated && !is_used && free_.size() < kMaxFree) {
    free_.push_back(std::move(group));
    return;
  }
  kill_files_.gone(number(*group));
  if (!populated && group->remove() == 0) return;
  if (populated && !group->was_killed()) group->set_attempt(Cgroup::kNoAttempt);
  occupied_.push_back({group->name(), group->was_killed()});
}

void CgroupPool::tidy(size_t count) {
  for (count = std::min(count, occupied_.size()); count > 0; --count) {
    Occupied group = std::move(occupied_.front());
    occupied_.pop_front();
    bool gone =
        !is_group_populated(directory_, group.name) && remove_group(directory_, group.name) == 0;
    if (!gone) occupied_.push_back(std::move(group));
  }
}

bool CgroupPool::is_settled() const {
  return std::ranges::none_of(occupied_, [](const auto& group) { return group.killed; });
}

void CgroupPool::drop_free() {
  for (auto& group : free_) {
    kill_files_.gone(number(*group));
    group->remove();
  }
  free_.clear();
}

void CgroupPool::clear() {
  tidy(occupied_.size());
  drop_free();
}

}  // namespace filed
