#include "queue/shares.h"

namespace filed {

// Takes the owner out of the order, until changed().
Shares::Owner& Shares::change(uid_t uid) {
  Owner& owner = owners_[uid];
  order_.erase(place(uid, owner));
  return owner;
}

void Shares::changed(uid_t uid, const Owner& owner) {
  if (may_start(uid, owner)) order_.insert(place(uid, owner));
}

void Shares::set_limit(int limit) {
  if (limit == limit_) return;
  limit_ = limit;
  order_.clear();
  for (const auto& [uid, owner] : owners_) changed(uid, owner);
}

void Shares::set_due(uid_t uid, bool due) {
  if (is_due(uid) == due) return;
  Owner& owner = change(uid);
  owner.due = due;
  changed(uid, owner);
}

void Shares::start(uid_t uid) {
  Owner& owner = change(uid);
  ++owner.running;
  owner.last_start = ++starts_;
  changed(uid, owner);
  add_workers(uid, 1);
}

void Shares::add_running(uid_t uid, int by) {
  Owner& owner = change(uid);
  owner.running += by;
  changed(uid, owner);
  add_workers(uid, by);
}

void Shares::add_workers(uid_t uid, int by) {
  Owner& owner = owners_[uid];
  owner.workers += by;
  if (owner.workers > 0) {
    holders_.insert(uid);
  } else {
    holders_.erase(uid);
  }
}

std::optional<uid_t> Shares::sole_holder() const {
  if (holders_.size() != 1) return std::nullopt;
  return *holders_.begin();
}

int Shares::running(uid_t uid) const {
  auto found = owners_.find(uid);
  return found == owners_.end() ? 0 : found->second.running;
}

bool Shares::is_due(uid_t uid) const {
  auto found = owners_.find(uid);
  return found != owners_.end() && found->second.due;
}

std::optional<uid_t> Shares::next() const {
  if (order_.empty()) return std::nullopt;
  return std::get<uid_t>(*order_.begin());
}

std::optional<uid_t> Shares::next_but(uid_t uid) const {
  for (const Place& place : order_) {
    if (std::get<uid_t>(place) != uid) return std::get<uid_t>(place);
  }
  return std::nullopt;
}

}  // namespace filed
