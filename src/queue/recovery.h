// After a crash: requeues the jobs whose attempts were under way, or lets them fail if that has
// happened too often. A start calls it before the mount.
#pragma once

#include <set>
#include <vector>

#include "base/clock.h"
#include "config/settings.h"
#include "launcher/launcher_interface.h"
#include "queue/store.h"

namespace filed {

// The attempts that were under way or were to be killed when filed died. Their processes may still
// run.
std::vector<AttemptId> interrupted_attempts(const StoreReader& store);

// Counts the interruption of these attempts, ends their logs and commits. Their jobs go back to
// pending, or to failed after as many interruptions as `settings` permit. Those of the attempts that
// are in `undying` have processes that do not die: in the store they are still to be killed. Returns 0
// or the errno of the store.
int recover(Store& store, const Clock& clock, const QueueSettings& settings,
            const std::set<AttemptId>& undying = {});

}  // namespace filed
