// The launcher's signals.
#pragma once

namespace filed {

// Sets all of them to their defaults, so that none is ignored in a job. Then blocks all of them.
void take_over_signals();

}  // namespace filed
