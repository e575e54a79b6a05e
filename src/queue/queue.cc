#include "queue/queue.h"

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "queue/transitions.h"

namespace filed {
namespace {

constexpr std::string_view kIdDigits = "0123456789abcdefghijklmnopqrstuvwxyz";

// Jobs of an older filed that one turn brings up to date. It takes a few milliseconds.
constexpr int kMigratedRows = 200;

// With leading zeros. The numbers of a thousand jobs a second for 89 years have no more digits.
std::string new_id_of(int64_t number) {
  std::string digits(Queue::kNewIdLength, '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit) {
    *digit = kIdDigits[static_cast<size_t>(number % 36)];
    number /= 36;
  }
  return digits;
}

}  // namespace

Queue::Queue(Store& store, Launcher& launcher, const Clock& clock, LiveSettings settings,
             const Options& options)
    : store_(store),
      live_(std::move(settings)),
      options_(options),
      turn_(store),
      owner_log_(clock),
      core_{store, turn_, agenda_, clock, live_, owner_log_},
      hooks_(core_, launcher, options.mount_dir),
      caps_(core_),
      open_files_(core_, quota_, caps_),
      uploads_(core_, quota_, caps_, open_files_),
      attempts_(core_, shares_, caps_, open_files_, launcher, hooks_, watcher_),
      jobs_(core_, open_files_, uploads_, attempts_),
      moves_(core_, open_files_, uploads_, attempts_, jobs_),
      attributes_(core_, caps_, uploads_, attempts_, jobs_),
      scheduler_(core_, shares_, uploads_, attempts_, moves_, watcher_),
      events_(hooks_, attempts_),
      changed_ns_(clock.wall_ns()),
      settings_changed_ns_(changed_ns_) {
  live_.restore(store_.load_settings());
  store_.set_durability(live_.queue().durability);
  hooks_.set(options_.hooks);
}

void Queue::take_over(AttemptId attempt, pid_t pid, char state) {
  for (const KillPending& left : store_.kill_pending()) {
    if (static_cast<AttemptId>(left.attempt) == attempt) attempts_.take_over(left, pid, state);
  }
}

pid_t Queue::pid_of(int64_t ino) const {
  const Attempt* attempt = attempts_.of(ino);
  return attempt == nullptr ? 0 : attempt->pid;
}

int Queue::retries_of(int64_t ino) const {
  const Attempt* attempt = attempts_.of(ino);
  return attempt == nullptr ? settings().retries : attempt->terms.retries;
}

// --- files of jobs

bool Queue::may_own(uid_t uid, std::string_view id) const {
  if (std::ranges::find(options_.refused_owners, uid) == options_.refused_owners.end()) return true;
  log_warning("%s: refused: user %u may own no job, because filed serves as that user",
              id.empty() ? "chown" : escaped(id).c_str(), static_cast<unsigned>(uid));
  return false;
}

int Queue::create(Dir dir, std::string_view id, mode_t mode, const Caller& caller, Job& job,
                  OpenJob& file) {
  if (int error = transition(Event::kCreate, dir).error) return error;
  if (!may_own(caller.uid, id)) return EPERM;
  if (int error = jobs_.check_new_id(id, 0)) return error;
  if (int error = caps_.check_open(caller.uid)) return error;
  if (int error = uploads_.create(id, mode, caller, job, file)) return error;
  open_files_.opened(file);
  return 0;
}

int Queue::open(int64_t ino, bool write, bool truncate, const Caller& caller, OpenJob& file) {
  Job job;
  if (int error = jobs_.get(ino, job)) return error;
  file = {};
  file.ino = ino;
  file.opened_by = caller.uid;
  if (int error = caps_.check_open(caller.uid)) return error;
  if (write || truncate) {
    if (int error = transition(Event::kWrite, job.dir).error) return error;
    if (options_.owner_mode && caller.uid != 0 && caller.uid != job.uid) return EACCES;
    if (int error = uploads_.open(job, truncate, caller, file)) return error;
  } else if (job.dir != Dir::kPending) {
    file.view = OpenJob::View::kLog;
    file.log = job.log;
    file.log_size = job.log_size;
    const Attempt* attempt = attempts_.of(ino);
    if (attempt != nullptr && job.dir == Dir::kActive) file.live = attempt->log;
  }
  open_files_.opened(file);
  return 0;
}

void Queue::close(OpenJob& file) {
  // The file is not counted any more when its upload ends: the text of a removed job is kept only
  // if another file shows it.
  open_files_.closed(file);
  uploads_.close(file);
}

void Queue::before_rename(Dir from, std::string_view id, Dir to, std::string_view new_id,
                          std::function<void(int error)> done) {
  auto ended = moves_.ended_by_rename(from, id, to, new_id);
  if (!ended) return done(0);
  attempts_.kill_before(*ended, std::move(done));
}

void Queue::before_remove(Dir dir, std::string_view id, std::function<void(int error)> done) {
  auto ended = moves_.ended_by_remove(dir, id);
  if (!ended) return done(0);
  attempts_.kill_before(*ended, std::move(done));
}

int Queue::check_change(int64_t ino, const AttributeChange& change, const Caller& caller,
                        bool by_writer) const {
  if (change.uid && !may_own(*change.uid, "")) return EPERM;
  // Such a time puts a job before those of all others.
  if (change.mtime_ns && *change.mtime_ns < 0 && caller.uid != 0) return EPERM;
  return options_.owner_mode ? attributes_.check(ino, change, caller, by_writer) : 0;
}

// --- ids and settings

int Queue::new_id(std::string& id) {
  bool used = true;
  while (used) {
    id = new_id_of(store_.next_sequence_number());
    if (int error = jobs_.id_in_use(id, used)) return error;
  }
  return store_.reserve_sequence_numbers();
}

int Queue::write_settings(std::string_view text, bool appended) {
  LiveSettings before = live_;
  std::string text_before = settings_text();
  if (auto reason = appended ? live_.append(text) : live_.write(text)) {
    return refuse_settings(*reason, text_before);
  }
  if (int error = store_.save_settings(live_.overrides())) {
    live_ = std::move(before);
    return error;
  }
  for (const std::string& change : describe_changes(before.current(), live_.current())) {
    turn_.log_on_commit("config.ini: " + change);
  }
  turn_.on_rollback([this, before = std::move(before)] { live_ = before; });
  note_settings_text(text_before);
  agenda_.rescan_needed = true;
  return 0;
}

int Queue::check_settings(std::string_view lines, bool appended) {
  std::string text_before = settings_text();
  auto reason = live_.check(lines, appended);
  return reason ? refuse_settings(*reason, text_before) : 0;
}

int Queue::refuse_settings(const std::string& reason, const std::string& text_before) {
  log_warning("config.ini: %s", reason.c_str());
  note_settings_text(text_before);
  return EINVAL;
}

// Notes the time if the text has changed.
void Queue::note_settings_text(const std::string& before) {
  if (settings_text() != before) settings_changed_ns_ = core_.clock.wall_ns();
}

void Queue::set_base_settings(const Settings& base) {
  LiveSettings before = live_;
  live_.set_base(base);
  note_settings_text(before.text());
  for (const std::string& change : describe_changes(before.current(), live_.current())) {
    log_info("configuration: %s", change.c_str());
  }
  hooks_.set(base.hooks);
  store_.save_settings(live_.overrides());
  agenda_.rescan_needed = true;
}

// --- time and turns

void Queue::retry_due(int64_t now_ns) {
  if (!reached(agenda_.retry_ns, now_ns)) return;
  agenda_.retry_ns.reset();
  agenda_.rescan_needed = true;
  attempts_.retry_ends();
  uploads_.retry_refusals();
}

int Queue::commit() {
  uploads_.end_turn();
  scheduler_.note_changes();
  bool changed = turn_.changed();
  int error = turn_.end();
  if (changed && error == 0) changed_ns_ = core_.clock.wall_ns();
  if (error != 0 && !agenda_.retry_ns) agenda_.retry_ns = core_.clock.mono_ns() + kRetryDelayNs;
  return error;
}

void Queue::request_served() {
  if (store_.is_tight() && turn_.changed()) commit();
}

int Queue::end_turn(std::optional<int64_t> looked_ns) {
  int64_t now = core_.clock.mono_ns();
  attempts_.run_deadlines(looked_ns.value_or(now));
  uploads_.run_deadlines(now);
  hooks_.run_deadlines(looked_ns.value_or(now));
  scheduler_.run_deadlines(now);
  owner_log_.run_deadlines(now);
  retry_due(now);
  if (!agenda_.retry_ns) {
    attempts_.save_output(now);
    if (agenda_.rescan_needed || turn_.changed()) scheduler_.run();
  }
  migrate();
  int error = commit();
  if (error != 0 && agenda_.stopping) attempts_.give_up();
  scheduler_.after_commit();
  store_.set_durability(settings().durability);
  return error;
}

// A piece of what an older filed has left to do.
void Queue::migrate() {
  if (!store_.migrating() || agenda_.retry_ns || agenda_.stopping) return;
  if (store_.migrate(kMigratedRows) != 0) return;
  agenda_.rescan_needed = true;
  if (store_.migrating()) return;
  turn_.log_on_commit(store_.path() + ": the jobs of an older filed are up to date");
}

std::optional<int64_t> Queue::next_deadline_ns() const {
  if (!agenda_.retry_ns && (agenda_.rescan_needed || turn_.changed())) return 0;
  std::optional<int64_t> next = agenda_.retry_ns;
  if (!agenda_.retry_ns) {
    next = earlier(attempts_.next_save_ns(), scheduler_.next_deadline_ns());
  }
  next = earlier(next, attempts_.next_deadline_ns());
  next = earlier(next, owner_log_.next_deadline_ns());
  next = earlier(next, hooks_.next_deadline_ns());
  return earlier(next, uploads_.next_deadline_ns());
}

void Queue::stop() {
  int64_t now = core_.clock.mono_ns();
  int64_t grace_ns = agenda_.stopping ? 0 : settings().stop_grace_ms * kNsPerMs;
  if (agenda_.stopping) {
    attempts_.kill_all(now);
  } else {
    attempts_.stop_all(now, grace_ns);
  }
  hooks_.stop(now + grace_ns);
  agenda_.stopping = true;
}

bool Queue::stopped() const {
  return agenda_.stopping && hooks_.idle() && (attempts_.all_ended() || attempts_.gave_up());
}

}  // namespace filed
