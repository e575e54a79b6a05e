#include "mount/replay_events.h"

#include "catch.h"

using namespace filed;

namespace {

ReplayEvent event_of(int64_t ino) {
  ReplayEvent event;
  event.job.ino = ino;
  return event;
}

}  // namespace

TEST_CASE("what a user has moved since is superseded, and what came later is not") {
  ReplayEvents events;
  for (int64_t ino : {1, 2, 1}) events.push(event_of(ino));
  events.supersede(1);
  events.supersede(3);  // has no events
  events.push(event_of(1));
  std::vector<bool> superseded;
  for (; !events.empty(); events.pop()) superseded.push_back(events.is_front_superseded());
  CHECK(superseded == std::vector<bool>{true, false, true, false});
  events.push(event_of(1));
  CHECK_FALSE(events.is_front_superseded());
  events.supersede(1);
  events.clear();
  events.push(event_of(1));
  CHECK_FALSE(events.is_front_superseded());
}
