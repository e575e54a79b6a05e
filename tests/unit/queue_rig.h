// A queue on a disk in memory, with a clock and a launcher that do as the test says. One turn of
// the daemon is one call of turn().
#pragma once

#include <sys/wait.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "catch.h"
#include "fake_clock.h"
#include "fake_launcher.h"
#include "fault_vfs.h"
#include "queue/log_text.h"
#include "queue/queue.h"
#include "queue/recovery.h"
#include "quiet_log.h"
#include "temp_dir.h"
#include "wait_status.h"

constexpr filed::Caller kAlice{1001, 101};
constexpr filed::Caller kBob{1002, 102};
constexpr filed::Caller kRoot{0, 0};

class QueueRig : public filed::QueueWatcher {
 public:
  using Strings = std::vector<std::string>;

  QueueRig() {
    settings.queue.workers = 1;
    start();
  }

  void start() {
    store.emplace(dir.file("db"));
    queue.emplace(*store, launcher, clock, filed::LiveSettings(settings), options);
    REQUIRE(recover(*store, clock, queue->settings()) == 0);
    queue->set_watcher(this);
    launcher.told.clear();
  }

  // The process dies, and filed starts again.
  void crash_and_start() {
    disk.cut_process();
    queue.reset();
    store.reset();
    start();
  }

  void stop_and_start() {
    REQUIRE(store->close() == 0);
    queue.reset();
    store.reset();
    start();
  }

  // A change of [queue] by the administrator's file.
  void set(const std::function<void(filed::QueueSettings&)>& change) {
    change(settings.queue);
    queue->set_base_settings(settings);
    REQUIRE(turn() == 0);
  }

  // A turn, and the turns that its own consequences ask for at once.
  int turn() {
    int error = queue->end_turn();
    if (after_turn) after_turn();
    for (int i = 0; i < 10 && queue->next_deadline_ns() == int64_t{0}; ++i) {
      queue->end_turn();
      if (after_turn) after_turn();
    }
    return error;
  }

  // Lets time pass, and filed do what falls due then.
  void pass_ms(int64_t ms) {
    clock.advance_ms(ms);
    queue->wall_clock_due();
    turn();
  }

  // printf TEXT > pending/ID
  int submit(const std::string& id, const std::string& text, const filed::Caller& caller = kAlice) {
    filed::Job job;
    filed::OpenJob file;
    if (int error = queue->create(filed::Dir::kPending, id, 0644, caller, job, file)) return error;
    int error = queue->flush(file);
    if (error == 0) error = queue->write(file, 0, text);
    if (error == 0) error = flush(file);
    queue->close(file);
    turn();
    return error;
  }

  // The receipt: what close(2) gives.
  int flush(filed::OpenJob& file) {
    if (int error = queue->flush(file)) return error;
    return turn();
  }

  filed::OpenJob open(filed::Dir where, const std::string& id, bool write = false,
                      bool truncate = false, const filed::Caller& caller = kAlice) {
    filed::OpenJob file;
    REQUIRE(queue->open(job(where, id).ino, write, truncate, caller, file) == 0);
    return file;
  }

  int mv(filed::Dir from, const std::string& id, filed::Dir to, const std::string& new_id = "") {
    int error = queue->rename(from, id, to, new_id.empty() ? id : new_id, false);
    if (error != 0) return error;
    return turn();
  }

  int rm(filed::Dir where, const std::string& id) {
    if (int error = queue->remove(where, id)) return error;
    return turn();
  }

  int touch(filed::Dir where, const std::string& id, int64_t mtime_ns) {
    filed::AttributeChange change;
    change.mtime_ns = mtime_ns;
    filed::Job changed;
    if (int error = queue->set_attributes(job(where, id).ino, change, changed)) return error;
    return turn();
  }

  filed::Job job(filed::Dir where, const std::string& id) {
    filed::Job job;
    INFO(filed::dir_name(where) << "/" << id);
    REQUIRE(queue->jobs().find(where, id, job) == 0);
    return job;
  }

  bool is_in(filed::Dir where, const std::string& id) {
    filed::Job job;
    return queue->jobs().find(where, id, job) == 0;
  }

  Strings ls(filed::Dir where) {
    Strings ids;
    REQUIRE(queue->jobs().list(where, 0, [&](const filed::Job& job) {
      ids.push_back(job.id);
      return true;
    }) == 0);
    return ids;
  }

  std::string read(filed::OpenJob& file, int64_t offset = 0) {
    std::string all;
    std::string piece;
    do {
      REQUIRE(queue->read(file, offset + static_cast<int64_t>(all.size()), 100'000, piece) == 0);
      all += piece;
    } while (!piece.empty());
    return all;
  }

  std::string cat(filed::Dir where, const std::string& id) {
    filed::OpenJob file = open(where, id);
    std::string text = read(file);
    CHECK(job(where, id).size() == static_cast<int64_t>(text.size()));
    queue->close(file);
    turn();
    return text;
  }

  // The latest attempt of a job.
  filed::AttemptId run(const std::string& id) {
    for (size_t i = launcher.attempts.size(); i-- > 0;) {
      if (launcher.attempts[i].id == id) return launcher.attempts[i].attempt;
    }
    FAIL(id << " was never started");
    return 0;
  }

  void begin(const std::string& id, pid_t pid = 4711) {
    queue->launcher_events().started(run(id), pid);
    turn();
  }
  void print(const std::string& id, const std::string& output) {
    queue->launcher_events().output(run(id), output);
    turn();
  }
  int exit(const std::string& id, int status) { return end(id, exited_with(status)); }
  int die(const std::string& id, int signo) { return end(id, killed_by(signo)); }
  int end(const std::string& id, int wait_status) {
    filed::AttemptExit exit;
    exit.wait_status = wait_status;
    queue->launcher_events().exited(run(id), exit);
    return turn();
  }

  Strings news() { return launcher.news(); }

  void notify_moved(const filed::Job& job, filed::Dir from) override {
    watched.push_back(std::string(filed::dir_name(from)) + " > " +
                      std::string(filed::dir_name(job.dir)) + " " + job.id);
  }
  void notify_removed(const filed::Job& job) override { watched.push_back("removed " + job.id); }

  QuietLog quiet;
  TempDir dir;
  FaultDisk disk;
  FakeClock clock;
  FakeLauncher launcher;
  filed::Settings settings;
  filed::Queue::Options options;
  std::optional<filed::Store> store;
  std::optional<filed::Queue> queue;
  Strings watched;
  std::function<void()> after_turn;
};

constexpr filed::Dir kPending = filed::Dir::kPending;
constexpr filed::Dir kActive = filed::Dir::kActive;
constexpr filed::Dir kFailed = filed::Dir::kFailed;
constexpr filed::Dir kComplete = filed::Dir::kComplete;
using Strings = QueueRig::Strings;
