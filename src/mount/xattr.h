// What filed knows of a job but the file does not show, as extended attributes: user.filed.state
// and so on.
#pragma once

#include <fuse_lowlevel.h>
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "queue/job.h"

namespace filed {

using Xattrs = std::vector<std::pair<std::string, std::string>>;

// Names and values in the order in which they are listed. Attributes without a value are left out:
// `exit` or `signal` is there after an attempt has ended, `pid` while one runs (0: none runs),
// `last_error` if the latest attempt failed. Times are UTC in the form of RFC 3339.
Xattrs job_xattrs(const Job& job, int retries, pid_t pid);

// Answers getxattr and listxattr: with the length of `value` if `size` is 0, else with `value`, or
// with ERANGE if it is longer than `size` bytes.
void reply_xattr(fuse_req_t req, const std::string& value, size_t size);

}  // namespace filed
