// Writes the text of the special file `status`: the version, the uptime, the workers, the containment,
// how many jobs are in each directory, how attempts have ended since the start, what does not die,
// and which owner holds all workers.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "queue/queue.h"

namespace filed {

class StatusText {
 public:
  // The uptime counts from here.
  StatusText(const Queue& queue, const Clock& clock);

  // The text as of now. Kept for recent().
  const std::string& refresh();
  // The text that the latest refresh() gave, if that was less than a second ago; else a new one. So
  // an open(2) shows the text for which the lookup before it has told the size.
  const std::string& recent();
  // When the text has changed, as far as refresh() has seen it, by the wall clock. That time passes
  // (uptime, waiting) is no change.
  int64_t changed_ns() const { return changed_ns_; }

 private:
  std::string make() const;
  void note_change();

  const Queue& queue_;
  const Clock& clock_;
  const int64_t started_ns_;
  std::string text_;
  int64_t made_ns_ = 0;  // valid if text_ is not empty
  std::string lasting_;  // the text without the lines that change with time
  int64_t changed_ns_;
};

}  // namespace filed
