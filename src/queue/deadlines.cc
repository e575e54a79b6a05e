#include "queue/deadlines.h"

namespace filed {

void Deadlines::set(Key key, int64_t at_ns) {
  clear(key);
  at_[key] = at_ns;
  order_.emplace(at_ns, key);
}

void Deadlines::clear(Key key) {
  auto entry = at_.find(key);
  if (entry == at_.end()) return;
  order_.erase({entry->second, key});
  at_.erase(entry);
}

std::optional<int64_t> Deadlines::next() const {
  if (order_.empty()) return std::nullopt;
  return order_.begin()->first;
}

std::optional<Deadlines::Key> Deadlines::take(int64_t now_ns) {
  if (order_.empty() || order_.begin()->first > now_ns) return std::nullopt;
  Key key = order_.begin()->second;
  clear(key);
  return key;
}

}  // namespace filed
