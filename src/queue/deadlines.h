// The moments at which something is to be done to each of many things, with the earliest at hand.
// At most one moment for each key. Every operation is O(log n).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

namespace filed {

template <typename Key>
class Deadlines {
 public:
  // Replaces the deadline of `key`, if it had one.
  void set(Key key, int64_t at_ns) {
    auto [entry, fresh] = at_.try_emplace(key, at_ns);
    if (!fresh) {
      order_.erase({entry->second, key});
      entry->second = at_ns;
    }
    order_.emplace(at_ns, key);
  }

  void clear(Key key) {
    auto entry = at_.find(key);
    if (entry == at_.end()) return;
    order_.erase({entry->second, key});
    at_.erase(entry);
  }

  bool has(Key key) const { return at_.contains(key); }
  size_t size() const { return at_.size(); }

  // The earliest deadline; empty if there is none.
  std::optional<int64_t> next() const {
    if (order_.empty()) return std::nullopt;
    return order_.begin()->first;
  }

  // Takes out the key with the earliest deadline if that has come; else empty.
  std::optional<Key> take(int64_t now_ns) {
    if (order_.empty() || order_.begin()->first > now_ns) return std::nullopt;
    Key key = order_.begin()->second;
    clear(key);
    return key;
  }

 private:
  std::set<std::pair<int64_t, Key>> order_;
  std::unordered_map<Key, int64_t> at_;
};

}  // namespace filed
