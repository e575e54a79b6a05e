// How the rows of an older filed are brought up to date while the queue is in use. The schema steps
// do not read rows, because a file may hold millions of them. What they leave is done here, in
// pieces:
//
// 1. The jobs that may be claimed move from the index of an older filed, jobs_due, to jobs_claim.
//    Those that fall due first come first. A job is in one of the two, by `ready` and `claim`, and a
//    job of jobs_due is not claimed before it has moved. Any change of a job moves it, too. The old
//    index is removed when it is empty.
// 2. The rows are counted for their owners, in the order of their inode numbers. Rows above
//    state.counted_to are counted for OwnerCounts::kUncounted, and so the total is always right.
//
// A start does the first piece before the mount, so that a small queue is served as a whole. It also
// takes back what a crash has left parked.
#include <string>
#include <vector>

#include "base/log.h"
#include "queue/rows.h"
#include "queue/store.h"

namespace filed {
namespace {

constexpr int kFirstPiece = 1000;

}  // namespace

void Store::start_migration() {
  old_index_ = file_.number("SELECT count(*) FROM sqlite_master WHERE name = 'jobs_due'") > 0;
  counted_to_ =
      file_.number("SELECT ifnull(counted_to, " + std::to_string(kAllCounted) + ") FROM state");
  old_index_saved_ = old_index_;
  counted_to_saved_ = counted_to_;
  if (file_.number("SELECT count(*) FROM parked") > 0) unpark_all();
  bool begins = old_index_ && counted_to_ == 0;
  // A full disk must not stop a start: the rest is tried later.
  if (begins && (migrate(kFirstPiece) != 0 || migrate(kFirstPiece) != 0 || commit() != 0)) {
    rollback();
  }
  if (migrating()) log_info("%s: jobs of an older filed are brought up to date", path().c_str());
}

// Nothing is open for writing at a start.
void Store::unpark_all() {
  file_.exec(
      "BEGIN IMMEDIATE;"
      "UPDATE jobs SET claim = 1 WHERE claim = 0 AND dir = 0 AND length(text) > 0"
      "  AND substr(id, 1, 1) != x'2e' AND ino IN (SELECT ino FROM parked);"
      "DELETE FROM parked;"
      "COMMIT");
}

int Store::migrate(int rows) {
  if (!migrating()) return 0;
  constexpr int64_t kBytes = 100;  // of a row in the index
  if (int error = make_room(rows * kBytes, StoreSpace::Use::kOfUser)) return error;
  if (old_index_) return migrate_claims(rows);
  if (counted_to_ != kAllCounted) return migrate_counts(rows);
  return 0;
}

int Store::migrate_claims(int rows) {
  if (int error = begin()) return error;
  std::vector<Job> jobs;
  {
    Statement oldest = file_.prepare("SELECT " + job_columns() +
                                     " FROM jobs INDEXED BY jobs_due WHERE ready "
                                     "ORDER BY mtime, ino LIMIT ?");
    Statement::Use use(oldest);
    int rc = use.bind(rows).step();
    for (; rc == SQLITE_ROW; rc = use.step()) read_job(use, jobs.emplace_back());
    if (int error = result(rc)) return error;
  }
  for (const Job& before : jobs) {
    Job job = before;
    // Only root may set a time before 1970. An older filed let every owner do it.
    if (job.mtime_ns < 0) job.mtime_ns = 0;
    if (int error = update(before, job)) return error;
  }
  if (static_cast<int>(jobs.size()) == rows) return 0;
  Statement drop = file_.prepare("DROP INDEX jobs_due");
  if (int error = step_change(drop)) return error;
  old_index_ = false;
  return 0;
}

int Store::migrate_counts(int rows) {
  if (int error = begin()) return error;
  int counted = 0;
  {
    Statement next =
        file_.prepare("SELECT " + job_columns() + " FROM jobs WHERE ino > ? ORDER BY ino LIMIT ?");
    Statement::Use use(next);
    int rc = use.bind(counted_to_).bind(rows).step();
    Job job;
    for (; rc == SQLITE_ROW; rc = use.step(), ++counted) {
      read_job(use, job);
      owners_.count(job.uid, job);
      counted_to_ = job.ino;
    }
    if (int error = result(rc)) return error;
  }
  if (counted < rows) {
    counted_to_ = kAllCounted;
    Statement::Use use(remove_owner_);
    if (int error = result(use.bind(OwnerCounts::kUncounted).step())) return error;
  }
  Statement save = file_.prepare("UPDATE state SET counted_to = ?");
  Statement::Use use(save);
  counted_to_ == kAllCounted ? use.bind_null() : use.bind(counted_to_);
  return result(use.step());
}

}  // namespace filed
