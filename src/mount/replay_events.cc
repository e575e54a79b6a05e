#include "mount/replay_events.h"

#include <utility>

namespace filed {

void ReplayEvents::push(ReplayEvent event) {
  ++jobs_[event.job.ino].events;
  events_.push_back(std::move(event));
}

void ReplayEvents::pop() {
  auto of_job = jobs_.find(events_.front().job.ino);
  if (--of_job->second.events == 0) jobs_.erase(of_job);
  events_.pop_front();
  ++popped_;
}

void ReplayEvents::clear() {
  popped_ += events_.size();
  events_.clear();
  jobs_.clear();
}

void ReplayEvents::supersede(int64_t ino) {
  auto of_job = jobs_.find(ino);
  if (of_job != jobs_.end()) of_job->second.superseded_to = popped_ + events_.size();
}

bool ReplayEvents::is_front_superseded() const {
  return popped_ < jobs_.at(events_.front().job.ino).superseded_to;
}

}  // namespace filed
