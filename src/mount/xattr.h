// What filed knows of a job beyond its file, as extended attributes: user.filed.state and so on.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "queue/job.h"

namespace filed {

// Names and values in the order in which they are listed. Only what there is to say: `exit` or
// `signal` once an attempt has ended, `pid` (0: none) while one runs, last_error while the job
// waits for a retry. Times are UTC, as RFC 3339 has them.
std::vector<std::pair<std::string, std::string>> job_xattrs(const Job& job, int retries, pid_t pid);

}  // namespace filed
