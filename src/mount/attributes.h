// Turns a job into the attributes that stat(2) shows and into the answer to a lookup. Turns a setattr
// request into an AttributeChange.
#pragma once

#include <fuse_lowlevel.h>
#include <sys/stat.h>

#include <cstdint>

#include "queue/caller.h"
#include "queue/job.h"

namespace filed {

// Nanoseconds since the epoch.
void set_times(struct stat& st, int64_t atime_ns, int64_t mtime_ns, int64_t ctime_ns);

// The attributes of a job's file. The size is at least `min_size` bytes.
struct stat job_attributes(const Job& job, int64_t min_size = 0);

// The answer to a lookup of a job. The kernel may cache the attributes for `attr_timeout` seconds.
void reply_job_entry(fuse_req_t req, const struct stat& st, double attr_timeout);

// What a setattr request changes. `to_set` has FUSE_SET_ATTR_ bits; `now_ns` is the wall time.
AttributeChange change_of(const struct stat& attr, int to_set, int64_t now_ns);

// How long, in seconds, the kernel may cache the name and attributes of this inode.
double timeout_of(fuse_ino_t ino);

// The answer to a lookup.
fuse_entry_param entry_of(const struct stat& st);

}  // namespace filed
