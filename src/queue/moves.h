// How a job changes its directory or its id, or is removed: mv, rm and expiry.
#pragma once

#include <optional>
#include <string_view>

#include "queue/attempts.h"
#include "queue/core.h"
#include "queue/jobs.h"
#include "queue/open_files.h"
#include "queue/transitions.h"
#include "queue/uploads.h"

namespace filed {

class Moves {
 public:
  Moves(const Core& core, OpenFiles& open_files, Uploads& uploads, Attempts& attempts,
        const Jobs& jobs)
      : core_(core), open_files_(open_files), uploads_(uploads), attempts_(attempts), jobs_(jobs) {}

  // mv. EPERM for a move that is not in the table; EBUSY for one within active/ or of a job that is
  // open for writing; EEXIST, ENOENT, EINVAL, ENAMETOOLONG. Within pending/ another job that has
  // `new_id` and is not open for writing is replaced, unless `no_replace`.
  int rename(Dir from, std::string_view id, Dir to, std::string_view new_id, bool no_replace);
  // rm. ENOENT, ENAMETOOLONG.
  int remove(Dir dir, std::string_view id);
  // The inode number of the active job that such a call would stop. Nothing if it would stop none,
  // or would be refused.
  std::optional<int64_t> ended_by_remove(Dir dir, std::string_view id);
  std::optional<int64_t> ended_by_rename(Dir from, std::string_view id, Dir to,
                                         std::string_view new_id);
  // Removes a job that has ended long ago. Errno of the store.
  int expire(const Job& job);

 private:
  int cancel(const Job& before, Job job, const Transition& row);
  int remove_row(const Job& found, Event event);

  const Core core_;
  OpenFiles& open_files_;
  Uploads& uploads_;
  Attempts& attempts_;
  const Jobs& jobs_;
};

}  // namespace filed
