// Which names make a job a draft, besides those that begin with a dot: those of the copies that
// editors leave beside a file. It is decided when a job gets a name, and kept in the job. So a
// change of the setting does not let loose what was held back.
#pragma once

#include <string_view>

#include "queue/job.h"

namespace filed {

// Sets or clears kNamedAsDraft by the job's id. `endings` as in QueueSettings::drafts.
void mark_draft(Job& job, std::string_view endings);

}  // namespace filed
