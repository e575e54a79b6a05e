#include "queue/shares.h"

namespace filed {

// Takes the owner out of the order, until changed().
Shares::Owner& Shares::change(uid_t uid) {
  Owner& owner = owners_[uid];
  if (owner.due) due_.erase(place(uid, owner));
  return owner;
}

void Shares::changed(uid_t uid, const Owner& owner) {
  if (owner.due) due_.insert(place(uid, owner));
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
}

void Shares::add_running(uid_t uid, int by) {
  Owner& owner = change(uid);
  owner.running += by;
  changed(uid, owner);
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
  if (due_.empty()) return std::nullopt;
  return std::get<uid_t>(*due_.begin());
}

}  // namespace filed
