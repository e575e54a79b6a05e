// A set of deadlines, which gives the earliest. It has at most one deadline for each key, which is
// the number of an attempt or of an inode. Every operation is O(log n).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

namespace filed {

class Deadlines {
 public:
  using Key = uint64_t;

  // Replaces the deadline of `key`, if it had one.
  void set(Key key, int64_t at_ns);
  void clear(Key key);

  bool has(Key key) const { return at_.contains(key); }
  // The deadline of a key that has one.
  int64_t at(Key key) const { return at_.at(key); }
  size_t size() const { return at_.size(); }

  // The earliest deadline; empty if there is none.
  std::optional<int64_t> next() const;

  // Takes out the key with the earliest deadline if that has come; else empty.
  std::optional<Key> take(int64_t now_ns);

 private:
  std::set<std::pair<int64_t, Key>> order_;
  std::unordered_map<Key, int64_t> at_;
};

}  // namespace filed
