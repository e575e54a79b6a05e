#include "queue/owner_counts.h"

namespace filed {
namespace {

int64_t bytes_of(const Job& job) { return job.text_size + job.log_size; }

}  // namespace

void Counts::add(const Job& job, int64_t by) {
  of(job.dir) += by;
  if (job.runnable()) ready += by;
  bytes += by * bytes_of(job);
}

Counts& Counts::operator+=(const Counts& other) {
  for (size_t i = 0; i < dir.size(); ++i) dir[i] += other.dir[i];
  ready += other.ready;
  bytes += other.bytes;
  return *this;
}

void OwnerCounts::load(int64_t owner, const Counts& counts) {
  owners_[owner] = {counts, counts};
  total_ += counts;
  total_stored_ = total_;
}

Counts OwnerCounts::of(int64_t owner) const {
  auto found = owners_.find(owner);
  return found == owners_.end() ? Counts{} : found->second.counts;
}

Counts& OwnerCounts::stage(int64_t owner) {
  Owner& entry = owners_[owner];
  if (!entry.staged) {
    entry.staged = true;
    staged_.push_back(owner);
  }
  return entry.counts;
}

void OwnerCounts::add(int64_t owner, const Job& job, int64_t by) {
  for (Counts* counts : {&stage(owner), &total_}) {
    counts->add(job, by);
    if (owner == kUncounted) counts->bytes -= by * bytes_of(job);
  }
}

void OwnerCounts::count(int64_t owner, const Job& job) {
  add(kUncounted, job, -1);
  add(owner, job, 1);
}

void OwnerCounts::commit() {
  end_transaction(&Owner::stored, &Owner::counts);
  total_stored_ = total_;
}

void OwnerCounts::rollback() {
  end_transaction(&Owner::counts, &Owner::stored);
  total_ = total_stored_;
}

void OwnerCounts::end_transaction(Counts Owner::*to, Counts Owner::*from) {
  for (int64_t owner : staged_) {
    Owner& entry = owners_.at(owner);
    entry.*to = entry.*from;
    entry.staged = false;
  }
  staged_.clear();
}

}  // namespace filed
