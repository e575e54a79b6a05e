// chmod, chown, touch and truncate of jobs.
#pragma once

#include <cstdint>

#include "queue/attempts.h"
#include "queue/caller.h"
#include "queue/core.h"
#include "queue/jobs.h"
#include "queue/uploads.h"

namespace filed {

class Attributes {
 public:
  Attributes(const Core& core, UserCaps& caps, Uploads& uploads, Attempts& attempts,
             const Jobs& jobs)
      : core_(core), caps_(caps), uploads_(uploads), attempts_(attempts), jobs_(jobs) {}

  // Checks that the kernel cannot make, for jobs that run as their owners. EACCES for the size and
  // the times of another user's job. EBUSY for chown of a job that its owner has open for writing,
  // because text that is still to come would run as the new owner. `by_writer`: the change comes
  // through an open file, and its opening was checked.
  int check(int64_t ino, const AttributeChange& change, const Caller& caller, bool by_writer) const;

  // Changes the job and returns it in `job`. EACCES for the size of a job that is not pending,
  // EFBIG, EDQUOT, EINVAL if a new size would add NUL bytes. EDQUOT, too, if the new owner has no
  // room for the job.
  int set(int64_t ino, const AttributeChange& change, Job& job);

 private:
  int check_new_owner(int64_t ino, uid_t uid) const;
  void apply_to_upload(const AttributeChange& change, int64_t now_ns, Upload& upload);
  void restore_on_rollback(const Upload& upload, const Job& was);

  const Core core_;
  UserCaps& caps_;
  Uploads& uploads_;
  Attempts& attempts_;
  const Jobs& jobs_;
};

}  // namespace filed
