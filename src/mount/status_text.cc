#include "mount/status_text.h"

#include <utility>

#include "base/text.h"

namespace filed {
namespace {

constexpr int64_t kMaxAgeNs = kNsPerSec;
constexpr size_t kMaxUndying = 100;  // that are listed, so that the text stays short

// Removes the lines that change while the queue does not.
std::string lasting_part(const std::string& text) {
  std::string lasting;
  for (const std::string& line : split(text, '\n')) {
    if (!line.starts_with("uptime ") && !line.starts_with("waiting ")) lasting += line + '\n';
  }
  return lasting;
}

}  // namespace

StatusText::StatusText(const Queue& queue, const Clock& clock)
    : queue_(queue),
      clock_(clock),
      started_ns_(clock.mono_ns()),
      lasting_(lasting_part(make())),
      changed_ns_(clock.wall_ns()) {}

const std::string& StatusText::refresh() {
  text_ = make();
  made_ns_ = clock_.mono_ns();
  note_change();
  return text_;
}

// Most changes come with a commit. There is none when an attempt turns out not to die, or an owner to
// hold all workers.
void StatusText::note_change() {
  std::string lasting = lasting_part(text_);
  if (lasting == lasting_) return;
  lasting_ = std::move(lasting);
  int64_t committed_ns = queue_.changed_ns();
  changed_ns_ = committed_ns > changed_ns_ ? committed_ns : clock_.wall_ns();
}

const std::string& StatusText::recent() {
  bool is_recent = !text_.empty() && clock_.mono_ns() - made_ns_ <= kMaxAgeNs;
  return is_recent ? text_ : refresh();
}

std::string StatusText::make() const {
  Counts counts = queue_.jobs().counts();
  const Totals& totals = queue_.totals();
  int64_t pending = counts.of(Dir::kPending);
  std::string text;
  auto line = [&](const char* key, int64_t value) {
    text += key;
    text += ' ' + std::to_string(value) + '\n';
  };
  text += "version " FILED_VERSION "\n";
  line("uptime", (clock_.mono_ns() - started_ns_) / kNsPerSec);
  line("workers", queue_.settings().workers);
  text += queue_.settings().pause ? "pause yes\n" : "pause no\n";
  text += "containment " + queue_.containment() + '\n';
  line("pending", pending);
  line("waiting", queue_.count_waiting());
  line("drafts", pending - counts.ready);
  line("active", counts.of(Dir::kActive));
  line("failed", counts.of(Dir::kFailed));
  line("complete", counts.of(Dir::kComplete));
  line("undying", static_cast<int64_t>(queue_.attempts().count_undying()));
  for (const Attempt* attempt : queue_.attempts().undying(kMaxUndying)) {
    text += "does_not_die " + std::to_string(attempt->pid) + ',' + attempt->state + '\n';
  }
  if (auto holder = queue_.sole_holder()) line("all_workers_held_by", *holder);
  line("total_started", totals.started);
  line("total_succeeded", totals.succeeded);
  line("total_retried", totals.retried);
  line("total_failed", totals.failed);
  line("total_killed", totals.killed);
  return text;
}

}  // namespace filed
