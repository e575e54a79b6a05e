// After a crash: requeues the jobs whose attempts were under way. A start calls it before the
// mount.
#pragma once

#include <set>
#include <vector>

#include "base/clock.h"
#include "launcher/launcher_interface.h"
#include "queue/store.h"

namespace filed {

// The attempts that were under way or were to be killed when filed died. Their processes may still
// run.
std::vector<AttemptId> interrupted_attempts(const StoreReader& store);

// Ends the logs of these attempts, puts their jobs back to pending and commits. Those of the attempts
// that are in `undying` have processes that do not die: in the store they are still to be killed.
// Returns 0 or the errno of the store.
int recover(Store& store, const Clock& clock, const std::set<AttemptId>& undying = {});

}  // namespace filed
