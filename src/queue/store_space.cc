#include "queue/store_space.h"

#include <sqlite3.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/log.h"
#include "queue/wal_lock.h"

namespace filed {
namespace {

constexpr int64_t kPageSize = 4096;
// Of each page in the WAL.
constexpr int64_t kFrameSize = kPageSize + 24;

// A WAL of this size (4 MiB) is moved into the file as soon as nothing else is to be done.
constexpr int kCheckpointPages = 1000;
// A WAL of this size is moved into the file although there is work.
constexpr int kMaxWalPages = 4 * kCheckpointPages;
// While a backup copies, it may grow to this size (256 MiB).
constexpr int kMaxHeldPages = 64 * kCheckpointPages;
// When the WAL begins again, SQLite makes it as short as this; on a full disk, as its reserve.
constexpr int64_t kMaxWalSize = 20 << 20;

// Free pages go back to the file system in steps of so many pages.
constexpr int64_t kVacuumStep = 256;
// These stay in the file for the next jobs.
constexpr int64_t kSparePages = 256;

// A reserve is this part of the disk, within bounds; the WAL's is larger.
constexpr int64_t kUnitsOfDisk = 64;
constexpr int64_t kMinUnit = 64 << 10;
constexpr int64_t kMaxUnit = 256 << 10;
constexpr int64_t kWalUnits = 8;

// Pages that a change puts into the WAL besides its data: of the table, of the indices.
constexpr int64_t kPagesOfChange = 3;
// Bytes of the rows and indices of a new job, and of what another change may add.
constexpr int64_t kRowBytes = 1024;
constexpr int64_t kChangeBytes = 256;
// Any transaction may touch, or add, that many pages more: splits, free lists.
constexpr int64_t kPagesMore = 8;

// The reserves are rows of the table `log` with keys that no log has.
constexpr std::array<int64_t, 2> kReserveKeys = {-1, -2};

}  // namespace

StoreSpace::StoreSpace(StateFile& file)
    : file_(file),
      count_free_pages_(file.prepare("PRAGMA freelist_count")),
      count_pages_(file.prepare("PRAGMA page_count")),
      add_reserve_(file.prepare("INSERT INTO log(key, bytes) VALUES(?, zeroblob(?))")),
      remove_reserve_(file.prepare("DELETE FROM log WHERE key = ?")) {
  struct statvfs st {};
  int64_t size = file.disk(st) == 0
                     ? static_cast<int64_t>(st.f_blocks) * static_cast<int64_t>(st.f_frsize)
                     : 0;
  unit_ = std::clamp(size / kUnitsOfDisk / kPageSize * kPageSize, kMinUnit, kMaxUnit);
  wal_reserve_ = kWalUnits * unit_;
  for (size_t i = 0; i < kReserves; ++i) {
    held_[i] =
        file.number("SELECT count(*) FROM log WHERE key = " + std::to_string(kReserveKeys[i])) > 0;
  }
  held_saved_ = held_;
  file_.limit_wal(kMaxWalSize);
  sqlite3_wal_hook(
      file.db(),
      [](void* self, sqlite3*, const char*, int pages) {
        auto& space = *static_cast<StoreSpace*>(self);
        // If it has begun again, SQLite may have made it shorter.
        bool begins = space.wal_pages_ == 0 || pages <= space.wal_pages_;
        if (begins) space.file_.wal().look();
        space.wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  // What a killed filed has left there is moved at once, because its size is not known.
  move_wal();
}

StoreSpace::~StoreSpace() {
  sqlite3_wal_hook(file_.db(), nullptr, nullptr);
  // SQLite cuts the WAL when it closes it, unless there is no limit.
  if (!is_closed_ && close() != 0) file_.limit_wal(-1);
}

// --- what there is

int64_t StoreSpace::wal_pages_of(int64_t bytes) { return (bytes - kWalHeaderSize) / kFrameSize; }

// Pages that the WAL still takes.
int64_t StoreSpace::wal_room() const {
  return wal_pages_of(file_.wal().size()) - wal_pages_ - wal_estimate_;
}

// Pages that the file still takes.
int64_t StoreSpace::file_room() const {
  if (!is_known_) return 0;
  int64_t behind = file_.data().size() / kPageSize - pages_;
  return unused_pages_ + behind - added_ / kPageSize;
}

int64_t StoreSpace::read(const Statement& statement) {
  Statement::Use use(statement);
  return use.step() == SQLITE_ROW ? use.integer(0) : 0;
}

void StoreSpace::look() {
  pages_ = read(count_pages_);
  unused_pages_ = free_pages();
  added_ = 0;
  is_known_ = true;
}

// --- growing

// `pages`: beyond those that are in use and those of the open transaction.
int StoreSpace::grow_wal(int64_t pages) {
  int64_t size = kWalHeaderSize + (wal_pages_ + wal_estimate_ + pages) * kFrameSize;
  AllocatedFile& wal = file_.wal();
  if (size <= wal.size()) return 0;
  if (wal.grow(size + unit_) == 0) return 0;
  return wal.grow(size);
}

int StoreSpace::grow_file(int64_t pages) {
  if (pages <= file_room()) return 0;
  look();
  if (pages <= file_room()) return 0;
  AllocatedFile& data = file_.data();
  int64_t size = data.size() + (pages - file_room()) * kPageSize;
  if (data.grow(size + unit_) == 0) return 0;
  return data.grow(size);
}

void StoreSpace::set_tight(int error) {
  bool was_tight = std::exchange(tight_, error != 0);
  if (tight_ == was_tight) return;
  file_.limit_wal(tight_ ? wal_reserve_ : kMaxWalSize);
  if (!tight_) {
    log_info("%s: the disk has room again", file_.path().c_str());
    return;
  }
  bool is_full = error == ENOSPC || error == EDQUOT;
  log_error("%s: %s%s", file_.path().c_str(), strerror(error),
            is_full ? "; the disk is nearly full, and what is left is kept for removals" : "");
}

// --- a transaction

void StoreSpace::begin() {
  wal_estimate_ = 0;
  int64_t reserved = wal_pages_of(wal_reserve_);
  if (!tight_) {
    int error = grow_wal(reserved);
    if (error == 0) return;
    set_tight(error);
  }
  if (wal_pages_ > 0) checkpoint();
  // Its reserve may be missing, because another filed has made the file, or somebody removed it.
  if (grow_wal(reserved) != 0) return;
  AllocatedFile& data = file_.data();
  if (data.grow(data.size() + unit_) == 0) set_tight(0);
}

int StoreSpace::make_room(int64_t bytes, Use use) {
  int64_t pages = kPagesOfChange + bytes / kPageSize;
  int error = grow_wal(pages + kPagesMore);
  // Reserves that are missing come back first. They are for what is more important.
  if (error == 0 && use != Use::kOfEnd) error = hold(kForEnds);
  if (error == 0 && use == Use::kOfUser) error = hold(kForRoot);
  if (error == 0) error = fit_file(bytes + kRowBytes, use);
  if (error != 0) {
    set_tight(error);
    return error;
  }
  wal_estimate_ += pages;
  added_ += bytes + kRowBytes;
  return 0;
}

int StoreSpace::fit_file(int64_t bytes, Use use) {
  int64_t pages = kPagesMore + (bytes + kPageSize - 1) / kPageSize;
  int error = grow_file(pages);
  if (error != 0 && use != Use::kOfUser && give(kForRoot)) error = grow_file(pages);
  if (error != 0 && use == Use::kOfEnd && give(kForEnds)) error = grow_file(pages);
  return error;
}

// A removal needs no page, or very few, when the nodes of an index are joined.
void StoreSpace::note_change() {
  if (file_room() <= kPagesMore) fit_file(kChangeBytes, Use::kOfEnd);
  if (wal_room() < kPagesOfChange + kPagesMore) {
    if (int error = grow_wal(kPagesOfChange + kPagesMore)) set_tight(error);
  }
  wal_estimate_ += kPagesOfChange;
  added_ += kChangeBytes;
}

int StoreSpace::hold(Reserve reserve) {
  if (held_[reserve]) return 0;
  int64_t pages = unit_ / kPageSize + kPagesMore;
  if (int error = grow_wal(pages)) return error;
  if (int error = grow_file(pages)) return error;
  Statement::Use use(add_reserve_);
  if (int rc = use.bind(kReserveKeys[reserve]).bind(unit_).step(); rc != SQLITE_DONE) {
    return file_.write_errno(rc);
  }
  held_[reserve] = true;
  wal_estimate_ += pages;
  added_ += unit_;
  return 0;
}

bool StoreSpace::give(Reserve reserve) {
  if (!held_[reserve]) return false;
  Statement::Use use(remove_reserve_);
  if (use.bind(kReserveKeys[reserve]).step() != SQLITE_DONE) return false;
  held_[reserve] = false;
  is_known_ = false;
  return true;
}

void StoreSpace::make_reserves() {
  for (Reserve reserve : {kForEnds, kForRoot}) {
    if (int error = hold(reserve)) return set_tight(error);
  }
}

void StoreSpace::note_commit() {
  wal_estimate_ = 0;
  held_saved_ = held_;
}

void StoreSpace::note_rollback(int error) {
  wal_estimate_ = 0;
  is_known_ = false;
  held_ = held_saved_;
  if (error == ENOSPC || error == EDQUOT) set_tight(error);
}

// --- housekeeping

bool StoreSpace::tidy(bool idle) {
  int max_pages = idle ? kCheckpointPages : kMaxWalPages;
  if (wal_pages_ >= max_pages) return checkpoint() && may_vacuum_;
  if (!idle || !may_vacuum_) return wal_pages_ >= kCheckpointPages || may_vacuum_;

  may_vacuum_ = free_pages() > kSparePages;
  if (may_vacuum_) {
    vacuum();
  } else if (needs_checkpoint_) {
    needs_checkpoint_ = !checkpoint();
    return false;
  }
  return may_vacuum_ || needs_checkpoint_;
}

// A page that is moved changes those that point to it, too.
void StoreSpace::vacuum() {
  begin();
  int64_t pages = std::clamp<int64_t>(wal_room() / 4, 1, kVacuumStep);
  std::string step = "PRAGMA incremental_vacuum(" + std::to_string(pages) + ")";
  int rc = sqlite3_exec(file_.db(), step.c_str(), nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) {
    log_warning("%s: cannot give free pages back: %s", file_.path().c_str(),
                sqlite3_errmsg(file_.db()));
    may_vacuum_ = false;
  }
  is_known_ = false;
  needs_checkpoint_ = true;
}

// Returns false if a backup keeps the WAL where it is.
bool StoreSpace::checkpoint() {
  int wal = file_.wal().fd();
  bool is_free = lock_wal_to_move(wal);
  if (!is_free && !tight_ && wal_pages_ < kMaxHeldPages) return false;
  if (!move_wal()) {
    log_warning("%s: checkpoint: %s", file_.path().c_str(), sqlite3_errmsg(file_.db()));
  }
  if (is_free) unlock_wal(wal);
  return true;
}

// If all of the WAL is in the file after this, it begins again. Returns false after an error.
bool StoreSpace::move_wal() {
  int pages = 0;
  int done = 0;
  int rc = sqlite3_wal_checkpoint_v2(file_.db(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
  if (rc == SQLITE_OK && done == pages) wal_pages_ = 0;
  // SQLite has cut off what lies behind the last page.
  file_.data().look();
  is_known_ = false;
  return rc == SQLITE_OK;
}

int StoreSpace::close() {
  is_closed_ = true;
  int pages = 0;
  int done = 0;
  int rc = sqlite3_wal_checkpoint_v2(file_.db(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, &done);
  if (rc != SQLITE_OK || done != pages) return rc == SQLITE_OK ? EBUSY : file_.write_errno(rc);
  return file_.empty_wal(wal_reserve_);
}

}  // namespace filed
