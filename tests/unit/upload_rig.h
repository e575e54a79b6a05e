// A queue whose uploads are tested.
#pragma once

#include <string>

#include "queue_rig.h"

namespace filed {

// No worker is free unless a test asks for one.
class UploadRig : public QueueRig {
 public:
  UploadRig() {
    set([](QueueSettings& queue) { queue.workers = 0; });
  }

  OpenJob create(const std::string& id, const Caller& caller = kAlice) {
    Job made;
    OpenJob file;
    REQUIRE(queue->create(kPending, id, 0600, caller, made, file) == 0);
    return file;
  }

  void close(OpenJob& file) {
    queue->close(file);
    turn();
  }

  int truncate(int64_t ino, int64_t size) {
    AttributeChange change;
    change.size = size;
    Job changed;
    int error = queue->set_attributes(ino, change, changed);
    return error != 0 ? error : turn();
  }

  std::string text_of(const std::string& id) { return cat(kPending, id); }
};

}  // namespace filed
