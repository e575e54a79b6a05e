// What the parts of the queue work with, for tests of one part: a store on a disk in memory, a
// turn, an agenda, a clock and settings. The rigs below it add, one after the other, the parts that
// others are made of; a test adds the part that it is about.
#pragma once

#include <string>

#include "catch.h"
#include "config/live_settings.h"
#include "fake_clock.h"
#include "fake_launcher.h"
#include "fault_vfs.h"
#include "queue/attempts.h"
#include "queue/caller.h"
#include "queue/core.h"
#include "queue/jobs.h"
#include "queue/open_files.h"
#include "queue/shares.h"
#include "queue/uploads.h"
#include "queue/user_caps.h"
#include "queue/user_quota.h"
#include "quiet_log.h"
#include "temp_dir.h"

class PartsRig {
 public:
  static constexpr filed::Caller kAlice{1001, 101};
  static constexpr filed::Caller kBob{1002, 102};

  // A stored job with a text.
  filed::Job add(const std::string& id, filed::Dir where = filed::Dir::kPending,
                 const std::string& text = "text") {
    filed::Job job;
    job.ino = store.next_sequence_number();
    job.id = id;
    job.dir = where;
    job.mode = 0644;
    job.uid = kAlice.uid;
    job.gid = kAlice.gid;
    job.text_size = static_cast<int64_t>(text.size());
    job.mtime_ns = job.atime_ns = job.ctime_ns = job.submitted_ns = clock.wall;
    REQUIRE(store.insert(job, text) == 0);
    REQUIRE(turn.end() == 0);
    return job;
  }

  // Gives a job a stored log.
  void add_log(filed::Job& job, const std::string& bytes) {
    filed::Job before = job;
    job.log = store.next_sequence_number();
    job.log_size = static_cast<int64_t>(bytes.size());
    REQUIRE(store.put_chunk(job.log, 0, bytes) == 0);
    REQUIRE(store.update(before, job) == 0);
    REQUIRE(turn.end() == 0);
  }

  // A change by config.ini.
  void set(const std::string& settings) { REQUIRE_FALSE(live.write(settings)); }

  bool has_log(int64_t log) {
    int64_t size = 0;
    REQUIRE(store.log_size(log, size) == 0);
    return size > 0;
  }

  filed::Job row(int64_t ino) {
    filed::Job job;
    REQUIRE(store.get(ino, job) == 0);
    return job;
  }

  bool has_row(int64_t ino) {
    filed::Job job;
    return store.get(ino, job) == 0;
  }

  // A file of a job that shows its text or its log.
  static filed::OpenJob text_view(const filed::Job& job) {
    filed::OpenJob file;
    file.ino = job.ino;
    return file;
  }
  static filed::OpenJob log_view(const filed::Job& job) {
    filed::OpenJob file = text_view(job);
    file.view = filed::OpenJob::View::kLog;
    file.log = job.log;
    file.log_size = job.log_size;
    return file;
  }

  QuietLog quiet;
  TempDir dir;
  FaultDisk disk;
  FakeClock clock;
  filed::Settings base;
  filed::LiveSettings live{base};
  filed::Store store{dir.file("db")};
  filed::Turn turn{store};
  filed::Agenda agenda;
  filed::UserQuota quota;
  filed::Shares shares;
  filed::OwnerLog owner_log{clock};
  const filed::Core core{store, turn, agenda, clock, live, owner_log};
  filed::UserCaps caps{core};
};

// With the open files, and attempts that a fake launcher gets.
class AttemptsRig : public PartsRig {
 public:
  // The job's attempt is started. `job` becomes its row.
  filed::AttemptId claim(filed::Job& job) {
    REQUIRE(attempts.claim(job, "text") == 0);
    REQUIRE(turn.end() == 0);
    job = row(job.ino);
    return launcher.attempts.back().attempt;
  }

  FakeLauncher launcher;
  filed::WatcherLink watcher;
  filed::OpenFiles files{core, quota, caps};
  filed::Hooks hooks{core, launcher, "/q"};
  filed::Attempts attempts{core, shares, caps, files, launcher, hooks, watcher};
};

// With uploads as well, and the view of all jobs.
class JobsRig : public AttemptsRig {
 public:
  // A new job, open for writing, without a row.
  filed::OpenJob create(const std::string& id) {
    filed::Job job;
    filed::OpenJob file;
    REQUIRE(uploads.create(id, 0644, kAlice, job, file) == 0);
    files.opened(file);
    return file;
  }

  // A stored job, opened for writing.
  filed::OpenJob write(const filed::Job& job) {
    filed::OpenJob file;
    file.ino = job.ino;
    REQUIRE(uploads.open(job, false, kAlice, file) == 0);
    files.opened(file);
    return file;
  }

  void close(filed::OpenJob& file) {
    files.closed(file);
    uploads.close(file);
  }

  filed::Uploads uploads{core, quota, caps, files};
  filed::Jobs jobs{core, files, uploads, attempts};
};
