#include "queue/store_space.h"

#include <sqlite3.h>
#include <sys/statvfs.h>

#include <utility>

#include "base/log.h"

namespace filed {
namespace {

constexpr int64_t kPageSize = 4096;

// A WAL of this size (4 MiB) is moved into the file as soon as nothing else is to be done.
constexpr int kCheckpointPages = 1000;
// A WAL of this size is moved into the file although there is work.
constexpr int kMaxWalPages = 4 * kCheckpointPages;

// Free pages go back to the file system in steps of 256 pages.
constexpr const char* kVacuumStep = "PRAGMA incremental_vacuum(256)";
// These stay in the file for the next jobs.
constexpr int64_t kSparePages = 256;

// Reserved free space: only changes that add no data may use it.
constexpr int64_t kReservedBytes = 256 << 10;
// With less free space than this, each commit asks the file system how much there is, and each
// turn ends with a checkpoint.
constexpr int64_t kLowBytes = 8 << 20;

// A commit writes its bytes to the WAL, and a checkpoint writes them to the file.
constexpr int64_t kWritesPerByte = 2;

}  // namespace

StoreSpace::StoreSpace(const StateFile& file)
    : file_(file), count_free_pages_(file.prepare("PRAGMA freelist_count")) {
  sqlite3_wal_hook(
      file.db(),
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<StoreSpace*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
}

StoreSpace::~StoreSpace() { sqlite3_wal_hook(file_.db(), nullptr, nullptr); }

int64_t StoreSpace::free_pages() {
  Statement::Use use(count_free_pages_);
  return use.step() == SQLITE_ROW ? use.integer(0) : 0;
}

// A removal also needs WAL space first, and the WAL starts again from its beginning only when all
// of it is in the file. So adding is refused while space for later removals is left, because else a
// full disk could not be cleaned up.
bool StoreSpace::take(int64_t bytes) {
  int64_t needed = kWritesPerByte * bytes;
  if (free_bytes_ - needed < kLowBytes) {
    struct statvfs st {};
    if (file_.disk(st) != 0) return true;
    free_bytes_ = static_cast<int64_t>(st.f_bavail) * static_cast<int64_t>(st.f_frsize) +
                  (free_pages() - wal_pages_) * kPageSize;
  }
  free_bytes_ -= needed;
  is_low_ = free_bytes_ < kLowBytes;
  return free_bytes_ >= kReservedBytes;
}

bool StoreSpace::tidy(bool idle) {
  int max_pages = is_low_ ? 1 : idle ? kCheckpointPages : kMaxWalPages;
  if (wal_pages_ >= max_pages) {
    checkpoint();
    return may_vacuum_;
  }
  if (!idle || !may_vacuum_) return wal_pages_ >= kCheckpointPages || may_vacuum_;

  may_vacuum_ = free_pages() > kSparePages;
  if (may_vacuum_) {
    vacuum();
  } else if (std::exchange(needs_checkpoint_, false)) {
    checkpoint();
  }
  return may_vacuum_ || needs_checkpoint_;
}

void StoreSpace::vacuum() {
  int rc = sqlite3_exec(file_.db(), kVacuumStep, nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) {
    log_warning("%s: cannot give free pages back: %s", file_.path().c_str(),
                sqlite3_errmsg(file_.db()));
    may_vacuum_ = false;
  }
  needs_checkpoint_ = true;
}

void StoreSpace::checkpoint() {
  int rc =
      sqlite3_wal_checkpoint_v2(file_.db(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  // Also after a failure: the next commit sets it again, and then the checkpoint is tried again.
  wal_pages_ = 0;
  if (rc != SQLITE_OK) {
    log_warning("%s: checkpoint: %s", file_.path().c_str(), sqlite3_errmsg(file_.db()));
  }
}

}  // namespace filed
