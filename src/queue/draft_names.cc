#include "queue/draft_names.h"

#include <algorithm>

#include "base/text.h"

namespace filed {
namespace {

bool is_draft_name(std::string_view id, std::string_view endings) {
  if (id.ends_with('~')) return true;  // a backup of vim, nano or joe
  // What emacs saves by itself from time to time.
  if (id.size() > 1 && id.starts_with('#') && id.ends_with('#')) return true;
  if (endings.empty()) return false;
  return std::ranges::any_of(split(endings, ' '),
                             [&](const std::string& ending) { return id.ends_with(ending); });
}

}  // namespace

void mark_draft(Job& job, std::string_view endings) {
  if (is_draft_name(job.id, endings)) {
    job.mode |= kNamedAsDraft;
  } else {
    job.mode &= ~kNamedAsDraft;
  }
}

}  // namespace filed
