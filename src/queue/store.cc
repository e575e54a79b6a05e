#include "queue/store.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "queue/rows.h"

namespace filed {
namespace {

// Sequence numbers are reserved in blocks so that most numbers need no write.
constexpr int64_t kNumbersAtOnce = 1000;

}  // namespace

Store::Store(const std::string& path, std::span<const char* const> steps)
    : StoreReader(path, steps),
      space_(file_),
      reserved_(next_number_),
      reserved_saved_(next_number_) {
  prepare_changes();
  mark_in_use();
  make_reserves();
  start_migration();
}

void Store::prepare_changes() {
  begin_ = file_.prepare("BEGIN IMMEDIATE");
  commit_ = file_.prepare("COMMIT");
  rollback_ = file_.prepare("ROLLBACK");
  insert_ = file_.prepare(insert_job_sql());
  update_ = file_.prepare(update_job_sql());
  set_text_ = file_.prepare(update_job_and_text_sql());
  remove_ = file_.prepare("DELETE FROM jobs WHERE ino = ?");
  put_chunk_ = file_.prepare("INSERT OR REPLACE INTO log(key, bytes) VALUES(?, ?)");
  remove_log_ = file_.prepare("DELETE FROM log WHERE key >= ? AND key < ?");
  defer_log_ = file_.prepare("INSERT OR IGNORE INTO discarded(log) VALUES(?)");
  undefer_log_ = file_.prepare("DELETE FROM discarded WHERE log = ?");
  add_kill_pending_ =
      file_.prepare("INSERT INTO stopped(run, ino, id, uid, number) VALUES(?, ?, ?, ?, ?)");
  remove_kill_pending_ = file_.prepare("DELETE FROM stopped WHERE run = ?");
  park_ = file_.prepare("INSERT OR IGNORE INTO parked(ino) VALUES(?)");
  unpark_ = file_.prepare("DELETE FROM parked WHERE ino = ?");
  update_owner_ = file_.prepare(
      "UPDATE owners SET pending = ?, active = ?, failed = ?, complete = ?, ready = ?, bytes = ? "
      "WHERE uid = ?");
  insert_owner_ = file_.prepare(
      "INSERT OR REPLACE INTO owners(pending, active, failed, complete, ready, bytes, uid) "
      "VALUES(?, ?, ?, ?, ?, ?, ?)");
  remove_owner_ = file_.prepare("DELETE FROM owners WHERE uid = ?");
  save_number_ = file_.prepare("UPDATE state SET next_serial = ?");
  clear_settings_ = file_.prepare("DELETE FROM settings");
  save_setting_ = file_.prepare("INSERT INTO settings(key, value) VALUES(?, ?)");
  save_directory_ =
      file_.prepare("INSERT OR REPLACE INTO directories(name, mode, uid, gid) VALUES(?, ?, ?, ?)");
}

// Also removes the logs that the last filed has kept for their readers.
void Store::mark_in_use() {
  const std::string chunks = std::to_string(int64_t{1} << kChunkBits);
  file_.exec(
      "BEGIN IMMEDIATE;"
      "UPDATE state SET in_use = 1;"
      "DELETE FROM log WHERE key IN (SELECT l.key FROM discarded d JOIN log l"
      "  ON l.key >= d.log * " +
      chunks + " AND l.key < (d.log + 1) * " + chunks +
      ");"
      "DELETE FROM discarded;"
      "COMMIT");
}

// Without them, what is done for a full disk does not work, but filed does.
void Store::make_reserves() {
  if (begin() != 0) return rollback();
  space_.make_reserves();
  commit();
}

void Store::set_durability(Durability durability) {
  if (!open_) file_.set_durability(durability);
}

void Store::set_lost(const std::string& why) {
  if (why == lost_) return;
  lost_ = why;
  losses_ = {};
  if (lost_.empty()) {
    log_info("%s: is in its place again", path().c_str());
  } else {
    refuse_lost();
  }
}

int Store::refuse_lost() {
  if (losses_.is_due()) {
    log_error("%s; nothing is stored any more, because the next start would not find it",
              escaped(lost_).c_str());
  }
  return EIO;
}

int Store::close() {
  rollback();
  if (!lost_.empty()) return refuse_lost();
  std::string sql = "BEGIN IMMEDIATE; UPDATE state SET in_use = 0, next_serial = " +
                    std::to_string(next_number_) + "; COMMIT";
  space_.begin();
  int rc = sqlite3_exec(file_.db(), sql.c_str(), nullptr, nullptr, nullptr);
  return rc == SQLITE_OK ? space_.close() : file_.write_errno(rc);
}

// --- changes

// The errno for the result code of a change. An error makes the whole transaction fail.
int Store::result(int rc) {
  int error = file_.write_errno(rc);
  if (error != 0) failed_ = error;
  return error;
}

int Store::begin() {
  if (failed_ != 0) return failed_;
  if (open_) return 0;
  if (!lost_.empty()) return failed_ = refuse_lost();
  space_.begin();
  int rc = Statement::Use(begin_).step();
  if (rc == SQLITE_DONE) open_ = true;
  return result(rc);
}

// For a change that adds next to nothing.
int Store::begin_change() {
  if (int error = begin()) return error;
  space_.note_change();
  return 0;
}

int Store::step_change(const Statement& statement) {
  return result(Statement::Use(statement).step());
}

void Store::count(const Job& job, int by) {
  owners_.add(job.ino > counted_to_ ? OwnerCounts::kUncounted : int64_t{job.uid}, job, by);
  if (job.claimable()) claimable_changes_.push_back({job.uid, {job.mtime_ns, job.ino}, by});
}

int Store::park(const Job& before, const Job& job) {
  if (before.parked == job.parked) return 0;
  Statement::Use use(job.parked ? park_ : unpark_);
  return result(use.bind(job.ino).step());
}

void Store::stage(const Job& job) {
  staged_inos_.insert(job.ino);
  staged_ids_.insert(std::hash<std::string_view>()(job.id));
}

int Store::reserve_sequence_numbers() {
  if (next_number_ <= reserved_) return 0;
  if (int error = begin_change()) return error;
  reserved_ = next_number_ + kNumbersAtOnce;
  Statement::Use use(save_number_);
  return result(use.bind(reserved_).step());
}

int Store::insert(const Job& job, std::string_view text) {
  if (int error = begin()) return error;
  if (int error = reserve_sequence_numbers()) return error;
  stage(job);
  Statement::Use use(insert_);
  bind_new_job(use, job, text);
  int error = result(use.step());
  if (error == 0) count(job, 1);
  return error;
}

int Store::update(const Job& before, const Job& job) {
  if (int error = begin_change()) return error;
  if (int error = reserve_sequence_numbers()) return error;
  stage(before);
  stage(job);
  Statement::Use use(update_);
  bind_job(use, job);
  if (int error = result(use.bind(job.ino).step())) return error;
  count(before, -1);
  count(job, 1);
  return park(before, job);
}

int Store::set_text(const Job& before, const Job& job, std::string_view text) {
  if (int error = begin()) return error;
  stage(before);
  stage(job);
  Statement::Use use(set_text_);
  bind_job(use, job);
  if (int error = result(use.bind_blob(text).bind(job.ino).step())) return error;
  count(before, -1);
  count(job, 1);
  return park(before, job);
}

int Store::remove(const Job& job) {
  if (int error = begin_change()) return error;
  stage(job);
  Statement::Use use(remove_);
  if (int error = result(use.bind(job.ino).step())) return error;
  space_.note_removal();
  count(job, -1);
  return 0;
}

int Store::put_chunk(int64_t log, int64_t chunk, std::string_view bytes) {
  if (int error = begin()) return error;
  Statement::Use use(put_chunk_);
  return result(use.bind(chunk_key(log, chunk)).bind_blob(bytes).step());
}

int Store::remove_log(int64_t log) {
  if (int error = begin_change()) return error;
  space_.note_removal();
  Statement::Use use(remove_log_);
  return result(use.bind(chunk_key(log, 0)).bind(chunk_key(log + 1, 0)).step());
}

int Store::defer_log_removal(int64_t log) {
  if (int error = begin_change()) return error;
  Statement::Use use(defer_log_);
  return result(use.bind(log).step());
}

int Store::remove_deferred_log(int64_t log) {
  if (int error = remove_log(log)) return error;
  return undefer_log(log);
}

int Store::undefer_log(int64_t log) {
  if (int error = begin()) return error;
  Statement::Use use(undefer_log_);
  return result(use.bind(log).step());
}

int Store::add_kill_pending(const KillPending& attempt) {
  if (int error = begin_change()) return error;
  Statement::Use use(add_kill_pending_);
  use.bind(attempt.attempt).bind(attempt.ino).bind_blob(attempt.id);
  return result(use.bind(attempt.uid).bind(attempt.number).step());
}

int Store::remove_kill_pending(int64_t attempt) {
  if (int error = begin_change()) return error;
  Statement::Use use(remove_kill_pending_);
  return result(use.bind(attempt).step());
}

int Store::add_launcher(const LauncherRecord& launcher) {
  if (int error = begin_change()) return error;
  Statement add =
      file_.prepare("INSERT INTO launchers(token, place, device, inode) VALUES(?, ?, ?, ?)");
  Statement::Use use(add);
  use.bind_text(launcher.token).bind_text(launcher.place);
  return result(use.bind(launcher.device).bind(launcher.inode).step());
}

int Store::remove_launcher(const std::string& token) {
  if (int error = begin_change()) return error;
  Statement remove = file_.prepare("DELETE FROM launchers WHERE token = ?");
  Statement::Use use(remove);
  return result(use.bind_text(token).step());
}

int Store::save_settings(const std::map<std::string, std::string>& settings) {
  if (int error = begin_change()) return error;
  if (int error = step_change(clear_settings_)) return error;
  for (const auto& [key, value] : settings) {
    Statement::Use use(save_setting_);
    if (int error = result(use.bind_text(key).bind_text(value).step())) return error;
  }
  return 0;
}

int Store::save_directory(const std::string& name, const DirectoryRights& rights) {
  if (int error = begin_change()) return error;
  Statement::Use use(save_directory_);
  return result(use.bind_text(name).bind(rights.mode).bind(rights.uid).bind(rights.gid).step());
}

// --- space

int Store::make_room(int64_t bytes, StoreSpace::Use use) {
  if (int error = begin()) return error;
  return space_.make_room(bytes, use);
}

int Store::make_room(int64_t bytes, uid_t owner) {
  return make_room(bytes, owner == 0 ? StoreSpace::Use::kOfRoot : StoreSpace::Use::kOfUser);
}

int Store::make_room_for_end(int64_t bytes) { return make_room(bytes, StoreSpace::Use::kOfEnd); }

// --- the transaction

int Store::commit() {
  if (!open_) return std::exchange(failed_, 0);
  if (failed_ == 0) save_owners();
  if (failed_ == 0 && !lost_.empty()) failed_ = refuse_lost();
  if (failed_ == 0) step_change(commit_);
  int error = failed_;
  if (error != 0) {
    if (lost_.empty()) {
      log_error("%s: %s (%s)", path().c_str(), std::strerror(error), sqlite3_errmsg(file_.db()));
    }
    rollback();
    return error;
  }
  space_.note_commit();
  owners_.commit();
  reserved_saved_ = reserved_;
  old_index_saved_ = old_index_;
  counted_to_saved_ = counted_to_;
  end_transaction();
  return 0;
}

void Store::save_owners() {
  for (int64_t owner : owners_.staged()) {
    const OwnerCounts::Owner& entry = owners_.all().at(owner);
    if (entry.counts == entry.stored) continue;
    bool gone = entry.counts == Counts{};
    bool is_new = entry.stored == Counts{};
    Statement::Use use(gone ? remove_owner_ : is_new ? insert_owner_ : update_owner_);
    if (!gone) {
      for (int64_t number : entry.counts.dir) use.bind(number);
      use.bind(entry.counts.ready).bind(entry.counts.bytes);
    }
    if (result(use.bind(owner).step()) != 0) return;
  }
}

void Store::end_transaction() {
  open_ = false;
  staged_inos_.clear();
  staged_ids_.clear();
}

void Store::rollback() {
  // SQLite ends the transaction by itself after some errors, such as a full disk.
  if (sqlite3_get_autocommit(file_.db()) == 0) Statement::Use(rollback_).step();
  end_transaction();
  space_.note_rollback(std::exchange(failed_, 0));
  owners_.rollback();
  claimable_changes_.clear();
  reserved_ = reserved_saved_;
  old_index_ = old_index_saved_;
  counted_to_ = counted_to_saved_;
}

bool Store::tidy(bool idle) { return open_ || space_.tidy(idle); }

}  // namespace filed
