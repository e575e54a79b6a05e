// Random operations on a queue and on a much simpler model of it, compared after every turn.
//
// The model knows the rules of filed(5) and nothing of rows, transactions or processes. After a turn
// that fails, a copy of the model is put back. FILED_TEST_SEED repeats a run, and
// FILED_TEST_OPERATIONS makes it longer.
//
// Long because the model is one thing: it describes each operation once, and any operation may follow
// any other.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <set>

#include "catch.h"
#include "queue/stored_log.h"
#include "queue_rig.h"

using namespace filed;

namespace {

constexpr int kWorkers = 3;
constexpr int kRetries = 2;
constexpr int kInterruptions = 3;
constexpr int64_t kBackoff = kNsPerSec;
constexpr size_t kSizeLimit = 100;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kOperations = 30'000;
#else
constexpr int kOperations = 300'000;
#endif

struct ModelJob {
  std::string id;
  Dir dir = kPending;
  std::string text;
  int64_t due = 0;    // in pending and active
  int64_t ended = 0;  // in failed and complete
  int attempts = 0;
  std::string cause = {};
  std::string log = {};  // of the latest attempt that has ended or was interrupted, or of a cancel
  bool started = false;  // ever, with this text
  bool began = false;    // its attempt has begun and not ended
  int interruptions = 0;
  bool refused = false;  // its writer got an error
};

struct ModelUpload {
  OpenJob file;  // of one writer; the test never opens more
  std::string id;
  bool stored = false;
  bool removed = false;
  std::string text;
  int64_t mtime = 0;
  int version = 0;
  int saved = 0;
  int staged = -1;
  int failed = 0;
  bool removed_row = false;  // in this turn
  // As the last turn that succeeded left it.
  std::string committed_id;
  bool committed_stored = false;

  // Why its text cannot be stored, or 0.
  int refused() const {
    if (failed != 0) return failed;
    return text.find('\0') == std::string::npos ? 0 : EINVAL;
  }
};

struct ModelRun {
  int64_t ino = 0;
  AttemptId run = 0;
  std::string id;
  std::string text;
  std::string header;  // the log as the attempt found it
  std::string printed;
  bool detached = false;  // since an earlier turn, or this one
  bool ended = false;
  int status = 0;
  ModelJob before;      // the job at the claim
  std::string trailer;  // of a log that has its end, stored or not
};

struct Model {
  std::map<int64_t, ModelJob> jobs;
  std::map<int64_t, ModelUpload> uploads;
  std::map<AttemptId, ModelRun> runs;

  ModelJob* named(const std::string& id) {
    for (auto& [ino, job] : jobs) {
      if (job.id == id) return &job;
    }
    return nullptr;
  }
  int64_t ino_of(const std::string& id) {
    for (auto& [ino, job] : jobs) {
      if (job.id == id) return ino;
    }
    return unstored(id);
  }
  int64_t unstored(const std::string& id) {
    for (auto& [ino, upload] : uploads) {
      if (!upload.stored && !upload.removed && upload.id == id) return ino;
    }
    return 0;
  }
  bool is_running(int64_t ino, const std::string& id) const {
    return std::any_of(runs.begin(), runs.end(), [&](const auto& run) {
      return run.second.ino == ino || run.second.id == id;
    });
  }
};

class ModelRig : public QueueRig {
 public:
  explicit ModelRig(unsigned seed) : random_(seed) {
    settings.queue.workers = kWorkers;
    settings.queue.retries = kRetries;
    settings.queue.interruptions = kInterruptions;
    settings.queue.backoff_ms = kBackoff / kNsPerMs;
    settings.queue.backoff_factor = 2;
    settings.queue.job_size_limit = kSizeLimit;
    queue->set_base_settings(settings);
    turn();
  }

  void run(int operations) {
    for (operation_ = 0; operation_ < operations; ++operation_) {
      step();
      if (failed_) return;
    }
    settle_turn();
  }

  std::map<std::string, int> done;  // how often what was done

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  std::string some_id() {
    static const char* const kIds[] = {"a", "b", "c", "d", "e", "f", "g", ".a", ".b"};
    return kIds[below(9)];
  }
  Dir some_dir() { return static_cast<Dir>(below(kDirs)); }

  void expect(bool right, const char* what) {
    if (right || failed_) return;
    failed_ = true;
    FAIL_CHECK("operation " << operation_ << ": " << what);
  }
  void expect_error(int got, int wanted, const std::string& what) {
    ++done[what.substr(0, what.find(' ')) + (wanted == 0 ? "" : " refused")];
    if (got == wanted || failed_) return;
    failed_ = true;
    FAIL_CHECK("operation " << operation_ << ": " << what << ": " << strerror(got) << ", not "
                            << strerror(wanted));
  }

  void step() {
    switch (below(20)) {
      case 0:
      case 1:
        return create();
      case 2:
      case 3:
        return with_upload([&](ModelUpload& upload) { write(upload); });
      case 4:
      case 5:
        return with_upload([&](ModelUpload& upload) { flush(upload); });
      case 6:
      case 7:
        return with_upload([&](ModelUpload& upload) { close(upload); });
      case 8:
        return reopen();
      case 9:
      case 10:
        return rename();
      case 11:
        return remove();
      case 12:
        return touch_some();
      case 13:
        return print_some();
      case 14:
      case 15:
        return end_some();
      case 16:
        if (below(40) == 0) return crash();
        if (below(8) == 0) return failing_turn();
        return;
      case 17:
        settle_turn();
        clock.advance_ms(below(1500));
        queue->wall_clock_due();
        return;
      default:
        return settle_turn();
    }
  }

  // --- uploads

  // The mount answers these only when it is known whether what is staged remains.
  void begin_request() {
    if (queue->turn().changed()) settle_turn();
  }

  void create() {
    begin_request();
    std::string id = some_id();
    Job job;
    OpenJob file;
    int wanted = model_.named(id) != nullptr || model_.unstored(id) != 0 ? EEXIST : 0;
    int error = queue->create(kPending, id, 0644, kAlice, job, file);
    expect_error(error, wanted, "create " + id);
    if (error != 0) return;
    ModelUpload& upload = model_.uploads[job.ino];
    upload.file = file;
    upload.id = upload.committed_id = id;
    upload.mtime = clock.wall;
  }

  void reopen() {
    begin_request();
    std::string id = some_id();
    ModelJob* job = model_.named(id);
    if (job == nullptr) return;
    int64_t ino = model_.ino_of(id);
    if (model_.uploads.contains(ino)) return;
    bool truncate = below(2) == 0;
    OpenJob file;
    int error = queue->open(ino, true, truncate, kAlice, file);
    expect_error(error, job->dir == kPending ? 0 : EACCES, "open " + id);
    if (error != 0) return;
    ModelUpload& upload = model_.uploads[ino];
    upload.file = file;
    upload.id = upload.committed_id = id;
    upload.stored = upload.committed_stored = true;
    upload.mtime = job->due;
    if (!truncate) {
      upload.text = job->text;
    } else if (!job->text.empty()) {
      changed(upload);
    }
  }

  template <typename Action>
  void with_upload(Action action) {
    if (model_.uploads.empty()) return;
    auto chosen = model_.uploads.begin();
    std::advance(chosen, below(static_cast<int>(model_.uploads.size())));
    action(chosen->second);
  }

  void changed(ModelUpload& upload) {
    ++upload.version;
    upload.mtime = clock.wall;
  }

  void write(ModelUpload& upload) {
    std::string bytes(static_cast<size_t>(1 + below(40)), static_cast<char>('a' + below(26)));
    if (below(30) == 0) bytes[0] = '\0';
    size_t at = static_cast<size_t>(below(static_cast<int>(upload.text.size()) + 1));
    size_t end = at + bytes.size();
    bool fits = end <= kSizeLimit || end <= upload.text.size();
    bool is_refused = bytes[0] == '\0' && upload.id[0] != '.';
    int wanted = is_refused ? EINVAL : fits ? 0 : EFBIG;
    expect_error(queue->write(upload.file, static_cast<int64_t>(at), bytes), wanted, "write");
    if (wanted != 0) {
      upload.failed = wanted;
      refuse(upload);
      return;
    }
    if (upload.text.size() < end) upload.text.resize(end);
    std::copy(bytes.begin(), bytes.end(), upload.text.begin() + static_cast<int64_t>(at));
    changed(upload);
  }

  void flush(ModelUpload& upload) {
    bool nothing = upload.removed || upload.version == upload.saved || upload.text.empty();
    int wanted = nothing ? upload.failed : upload.refused();
    expect_error(queue->flush(upload.file), wanted, "flush");
    if (wanted != 0) refuse(upload);
    if (wanted != 0 || nothing) return;
    stage(upload);
  }

  void refuse(ModelUpload& upload) {
    if (upload.stored && !upload.removed) model_.jobs[upload.file.ino].refused = true;
  }

  void stage(ModelUpload& upload) {
    ModelJob& job = model_.jobs[upload.file.ino];
    job = {upload.id, kPending, upload.text, upload.mtime};
    upload.stored = true;
    upload.staged = upload.version;
  }

  void close(ModelUpload& upload) {
    queue->close(upload.file);
    ++done["close"];
    bool empty = upload.text.empty() && upload.failed == 0;
    bool dirty = upload.version != upload.saved;
    bool unstored = dirty && upload.staged != upload.version;
    if (!upload.removed && empty && (!upload.stored || dirty)) {
      stage(upload);
    } else if (!upload.removed && upload.stored && (upload.failed != 0 || unstored)) {
      ++done["refused job"];
      refused_.insert(upload.file.ino);
      model_.jobs[upload.file.ino].refused = true;
    }
    model_.uploads.erase(upload.file.ino);
  }

  // --- names

  void rename() {
    Dir from = some_dir();
    Dir to = below(2) == 0 ? from : some_dir();
    std::string id = some_id();
    std::string new_id = below(3) == 0 ? id : some_id();
    int wanted = rename_in_model(from, id, to, new_id);
    expect_error(queue->rename(from, id, to, new_id, false), wanted,
                 "rename " + std::string(dir_name(from)) + "/" + id + " " +
                     std::string(dir_name(to)) + "/" + new_id);
  }

  int rename_in_model(Dir from, const std::string& id, Dir to, const std::string& new_id) {
    int64_t ino = model_.ino_of(id);
    if (ino == 0) return ENOENT;
    auto stored = model_.jobs.find(ino);
    if ((stored == model_.jobs.end() ? kPending : stored->second.dir) != from) return ENOENT;
    if (from == kActive && to == kActive) return EBUSY;
    bool is_permitted =
        from == to || to == kPending || (to == kFailed && (from == kPending || from == kActive));
    if (!is_permitted) return EPERM;
    if (from == to && id == new_id) return 0;
    auto found = model_.uploads.find(ino);
    ModelUpload* upload = found == model_.uploads.end() ? nullptr : &found->second;
    if (upload != nullptr && from != to) return EBUSY;
    int64_t other = model_.ino_of(new_id);
    bool stages = upload != nullptr && upload->version != upload->saved && !upload->text.empty();
    int failed = upload == nullptr ? 0 : stages ? upload->refused() : upload->failed;
    if (other != 0 && other != ino) {
      if (from != kPending || to != kPending) return EEXIST;
      if (!model_.jobs.contains(other) || model_.jobs[other].dir != kPending) {
        return model_.jobs.contains(other) ? EEXIST : EBUSY;
      }
      if (model_.uploads.contains(other)) return EBUSY;
      if (failed != 0) return failed;
      model_.jobs.erase(other);
    }
    if (failed != 0) return failed;
    if (stages) {
      stage(*upload);
    } else if (upload != nullptr && !upload->stored) {
      model_.jobs[ino] = {id, kPending, "", upload->mtime};
      upload->stored = true;
    }
    ModelJob& job = model_.jobs[ino];
    job.id = new_id;
    job.refused = false;
    if (upload != nullptr) upload->id = new_id;
    if (from == to) return 0;
    if (to == kFailed || from == kActive) job.began = false;
    if (from == kActive) {
      ModelRun& run = *attached(ino);
      run.detached = true;
      job.cause = "stopped by mv to " + std::string(dir_name(to));
      job.log = run.header + run.printed + log_trailer(job.cause);
      job.due = job.ended = clock.wall;
      if (to == kFailed) ++job.attempts;
    } else if (to == kPending) {
      job.attempts = 0;
      job.due = std::max(job.ended, clock.wall);
    } else {
      cancel(job);
    }
    job.dir = to;
    return 0;
  }

  void cancel(ModelJob& job) {
    std::string cause = "cancelled by mv to failed";
    if (job.log.empty() || !job.cause.starts_with(cause)) {
      std::string last = job.cause.empty() ? "exit status 0" : job.cause;
      job.cause = cause + (job.started ? ", last attempt: " + last : "");
      if (job.log.empty()) job.log = log_header(job.text);
      job.log += log_trailer(job.cause);
    }
    job.ended = clock.wall;
  }

  void remove() {
    Dir dir = some_dir();
    std::string id = some_id();
    int64_t ino = model_.ino_of(id);
    auto job = model_.jobs.find(ino);
    bool found = ino != 0 && (job == model_.jobs.end() ? kPending : job->second.dir) == dir;
    expect_error(queue->remove(dir, id), found ? 0 : ENOENT, "remove " + id);
    if (!found) return;
    auto upload = model_.uploads.find(ino);
    if (upload != model_.uploads.end()) {
      upload->second.removed = true;
      upload->second.removed_row = upload->second.stored;
    }
    if (job == model_.jobs.end()) return;
    if (dir == kActive) attached(ino)->detached = true;
    model_.jobs.erase(job);
  }

  void touch_some() {
    std::string id = some_id();
    ModelJob* job = model_.named(id);
    if (job == nullptr || job->dir == kActive) return;
    int64_t ino = model_.ino_of(id);
    if (model_.uploads.contains(ino)) return;
    AttributeChange change;
    change.mtime_ns = clock.wall + (below(4000) - 2000) * kNsPerMs;
    Job changed_job;
    expect_error(queue->set_attributes(ino, change, changed_job), 0, "touch");
    (job->dir == kPending ? job->due : job->ended) = *change.mtime_ns;
  }

  // --- attempts

  ModelRun* attached(int64_t ino) {
    for (auto& [id, run] : model_.runs) {
      if (run.ino == ino && !run.detached) return &run;
    }
    expect(false, "the model has lost a run");
    static ModelRun none;
    return &none;
  }

  ModelRun* some_run() {
    std::vector<ModelRun*> running;
    for (auto& [id, run] : model_.runs) {
      if (!run.ended) running.push_back(&run);
    }
    return running.empty() ? nullptr
                           : running[static_cast<size_t>(below(static_cast<int>(running.size())))];
  }

  void print_some() {
    ModelRun* run = some_run();
    if (run == nullptr) return;
    std::string output(static_cast<size_t>(below(50) == 0 ? 150'000 : below(100)),
                       static_cast<char>('A' + below(26)));
    queue->launcher_events().output(run->run, output);
    // What comes after a removal counts only if that is taken back.
    run->printed += output;
    ++done["output"];
  }

  void end_some() {
    ModelRun* run = some_run();
    if (run == nullptr) return;
    int how = below(8);
    if (how == 0 && run->printed.empty()) {
      ++done["transient failure"];
      fail_to_start(*run);
      return;
    }
    ++done["exit"];
    AttemptExit exit;
    exit.wait_status = how < 4 ? 0 : exited_with(how);
    run->ended = true;
    run->status = exit.wait_status;
    queue->launcher_events().exited(run->run, exit);
    apply_end(*run);
  }

  // The queue makes a pause then, and so does the test.
  void fail_to_start(ModelRun& run) {
    queue->launcher_events().start_failed(run.run, {"fork", EAGAIN, Fault::kMachine});
    run.ended = true;
    run.status = -1;
    apply_end(run);
    bool paused = !run.detached;
    if (paused) {
      end_turn_in_model(false);
      expect(queue->end_turn() == 0, "a turn fails");
      for (const std::string& told : news()) {
        expect(!told.starts_with("start "), "something starts in the pause");
      }
    }
    clock.advance_ms(1000);
    queue->wall_clock_due();
    settle_turn();
  }

  void apply_end(ModelRun& run) {
    if (run.detached) return;
    ModelJob& job = model_.jobs[run.ino];
    if (job.dir != kActive) return expect(false, "an attempt ends that does not run");
    if (run.status < 0) {
      // As before the claim. Its id cannot have changed.
      job = run.before;
      if (job.log.empty()) job.cause = "could not start: fork: Resource temporarily unavailable";
      job.due = clock.wall + kNsPerSec;
      return;
    }
    job.cause = wait_status_cause(run.status);
    run.trailer = log_trailer(job.cause);
    job.began = false;
    ++job.attempts;
    job.log = run.header + run.printed + log_trailer(job.cause);
    job.ended = clock.wall;
    if (run.status == 0) {
      job.dir = kComplete;
    } else if (job.attempts > kRetries) {
      job.dir = kFailed;
    } else {
      job.dir = kPending;
      job.due = clock.wall + (kBackoff << (job.attempts - 1));
    }
  }

  // --- turns

  // What a turn that succeeds leaves; true if it has freed a worker.
  bool end_turn_in_model(bool claims = true) {
    if (claims) claim_in_model();
    for (auto& [ino, upload] : model_.uploads) {
      if (upload.staged >= 0) upload.saved = upload.staged;
      upload.staged = -1;
      upload.removed_row = false;
      upload.committed_id = upload.id;
      upload.committed_stored = upload.stored;
    }
    refused_.clear();
    kills_ = 0;
    bool freed = false;
    for (auto run = model_.runs.begin(); run != model_.runs.end();) {
      bool killed = run->second.detached && !committed_.runs[run->first].detached;
      if (killed && !run->second.ended) ++kills_;
      if (run->second.ended) {
        run = model_.runs.erase(run);
        freed = true;
      } else {
        ++run;
      }
    }
    committed_ = model_;
    return freed;
  }

  void claim_in_model() {
    claimed_.clear();
    auto busy = std::count_if(model_.runs.begin(), model_.runs.end(),
                              [](const auto& run) { return !run.second.ended; });
    std::vector<std::pair<int64_t, int64_t>> due;
    for (auto& [ino, job] : model_.jobs) {
      bool is_ready = job.dir == kPending && !job.text.empty() && job.id[0] != '.' && !job.refused;
      if (is_ready && job.due <= clock.wall && !model_.uploads.contains(ino) &&
          !model_.is_running(ino, job.id)) {
        due.emplace_back(job.due, ino);
      }
    }
    std::sort(due.begin(), due.end());
    for (auto [when, ino] : due) {
      if (busy++ >= kWorkers) break;
      ModelJob& job = model_.jobs[ino];
      ModelRun run;
      run.ino = ino;
      run.id = job.id;
      run.text = job.text;
      run.header = job.began ? job.log : log_header(job.text);
      run.before = job;
      job.dir = kActive;
      job.cause.clear();
      if (!job.began) job.interruptions = 0;
      job.began = job.started = true;
      // Until the launcher has told its number.
      run.run = UINT64_MAX - claimed_.size();
      claimed_.push_back(run.run);
      model_.runs[run.run] = run;
    }
  }

  // Turns until nothing more follows from them.
  void settle_turn() {
    for (int i = 0; i < 20; ++i) {
      size_t before = launcher.attempts.size();
      bool freed = end_turn_in_model();
      int error = queue->end_turn();
      expect(error == 0, "a turn fails");
      take_starts(before);
      if (!freed && claimed_.empty() && queue->next_deadline_ns() != 0) break;
    }
    compare();
  }

  void take_starts(size_t before) {
    expect(launcher.attempts.size() - before == claimed_.size(),
           "not what the model says has started");
    if (failed_) return;
    for (size_t i = 0; i < claimed_.size(); ++i) {
      ModelRun run = model_.runs[claimed_[i]];
      model_.runs.erase(claimed_[i]);
      const StartRequest& request = launcher.attempts[before + i];
      expect(request.id == run.id, "another job has started, or in another order");
      const ModelJob& job = model_.jobs[run.ino];
      expect(request.number == job.attempts + 1, "FILED_ATTEMPT is wrong");
      expect(request.env.at(0).second == std::to_string(job.interruptions),
             "FILED_INTERRUPTED is wrong");
      expect(request.text == run.text, "another text has started");
      run.run = request.attempt;
      model_.runs[run.run] = run;
    }
    committed_ = model_;
    size_t told_kills = 0;
    for (const std::string& told : news()) told_kills += told.starts_with("kill ");
    expect(told_kills == kills_, "not killed what the model says");
    claimed_.clear();
  }

  void failing_turn() {
    ++done["failing turn"];
    size_t before = launcher.attempts.size();
    disk.fail(1 + below(3), below(2) == 0 ? SQLITE_FULL : SQLITE_IOERR_WRITE, below(5));
    // Then the turn begins with a checkpoint, which may fail without harm.
    bool was_full = store->is_tight();
    int error = queue->end_turn();
    bool has_failed = disk.has_failed();
    disk.fail(0);
    if (error == 0) {
      expect(!has_failed || was_full, "an error was not told");
      end_turn_in_model();
      take_starts(before);
      return settle_turn();
    }
    ++done["failed turn"];
    expect(launcher.attempts.size() == before, "something starts though its turn has failed");
    take_back();
    compare();
    clock.advance_ms(1000);
    queue->wall_clock_due();
    for (auto& [id, run] : model_.runs) {
      if (run.ended) apply_end(run);
    }
    settle_turn();
  }

  void take_back() {
    model_.jobs = committed_.jobs;
    for (int64_t ino : refused_) {
      if (model_.jobs.contains(ino)) model_.jobs[ino].refused = true;
    }
    for (auto& [ino, upload] : model_.uploads) {
      upload.staged = -1;
      upload.stored = upload.committed_stored;
      upload.id = upload.committed_id;
      if (std::exchange(upload.removed_row, false)) upload.removed = false;
    }
    for (auto& [id, run] : model_.runs) run.detached = committed_.runs[id].detached;
  }

  void crash() {
    ++done["crash"];
    bool in_order = below(3) == 0 && model_.runs.empty();
    if (in_order) {
      settle_turn();
      if (!model_.runs.empty()) return;
      model_.uploads.clear();
      stop_and_start();
    } else {
      model_ = committed_;
      refused_.clear();
      model_.uploads.clear();
      for (auto& [ino, job] : model_.jobs) {
        if (job.dir == kActive) interrupt(job);
      }
      crash_and_start();
      for (auto& [id, run] : model_.runs) {
        if (!run.detached) take_log(run);
      }
      model_.runs.clear();
    }
    committed_ = model_;
    compare();
    settle_turn();
    if (below(3) == 0) crash();  // what has just been interrupted may be so again
  }

  void interrupt(ModelJob& job) {
    job.dir = kPending;
    job.cause = "interrupted: filed was killed or the machine stopped";
    if (++job.interruptions < kInterruptions) return;
    ++done["failed by crashes"];
    job.dir = kFailed;
    job.cause.insert(job.cause.find(':'), " " + std::to_string(kInterruptions) + " times");
    job.began = false;
    ++job.attempts;
    job.ended = clock.wall;
  }

  // How much of the output was stored only the store knows.
  void take_log(const ModelRun& run) {
    ModelJob& job = model_.jobs[run.ino];
    std::string end =
        job.dir == kFailed ? log_trailer(job.cause) : log_break(job.cause, clock.wall);
    Job row;
    REQUIRE(store->get(run.ino, row) == 0);
    REQUIRE(StoredLog(*store, row.log).read(0, INT64_MAX / 2, job.log) == 0);
    std::string whole = run.header + run.printed;
    expect(row.log_size == static_cast<int64_t>(job.log.size()) && job.log.ends_with(end) &&
               job.log.starts_with(run.header) &&
               whole.starts_with(job.log.substr(0, job.log.size() - end.size())),
           "the log of an interrupted attempt is wrong");
  }

  // --- the comparison

  void compare() {
    if (failed_) return;
    std::string wanted;
    for (auto& [ino, job] : model_.jobs) {
      auto found = model_.uploads.find(ino);
      const ModelUpload* upload = found == model_.uploads.end() ? nullptr : &found->second;
      size_t size = upload                ? upload->text.size()
                    : job.dir == kPending ? job.text.size()
                                          : job.log.size();
      int64_t mtime = job.dir != kPending                          ? job.ended
                      : upload && upload->version != upload->saved ? upload->mtime
                                                                   : job.due;
      if (job.dir == kActive) {
        const ModelRun& run = *attached(ino);
        size = run.header.size() + run.printed.size() + run.trailer.size();
        mtime = 0;
      }
      wanted += line(job.dir, ino, job.id, size, mtime, job.attempts);
    }
    for (auto& [ino, upload] : model_.uploads) {
      if (upload.stored || upload.removed) continue;
      wanted += line(kPending, ino, upload.id, upload.text.size(), upload.mtime, 0);
    }
    std::string there;
    int64_t total = 0;
    for (Dir dir : {kPending, kActive, kFailed, kComplete}) {
      queue->jobs().list(dir, 0, [&](const Job& job) {
        there += line(dir, job.ino, job.id, static_cast<size_t>(job.size()),
                      dir == kActive ? 0 : job.mtime_ns, job.attempts);
        ++total;
        return true;
      });
    }
    if (sorted(there) != sorted(wanted)) {
      failed_ = true;
      FAIL_CHECK("operation " << operation_ << "\nthe queue has\n"
                              << sorted(there) << "the model has\n"
                              << sorted(wanted));
    }
    expect(queue->jobs().counts().total() == total, "the counts are wrong");
    if (below(4) == 0) compare_content();
  }

  void compare_content() {
    for (auto& [ino, job] : model_.jobs) {
      std::string wanted = job.dir == kPending ? job.text : job.log;
      auto upload = model_.uploads.find(ino);
      if (upload != model_.uploads.end()) wanted = upload->second.text;
      if (job.dir == kActive) {
        const ModelRun& run = *attached(ino);
        wanted = run.header + run.printed + run.trailer;
      }
      OpenJob file;
      if (queue->open(ino, false, false, kAlice, file) != 0) {
        return expect(false, "a job cannot be opened");
      }
      if (read(file) != wanted) expect(false, ("content of " + job.id).c_str());
      queue->close(file);
    }
  }

  static std::string line(Dir dir, int64_t ino, const std::string& id, size_t size, int64_t mtime,
                          int attempts) {
    return std::string(dir_name(dir)) + "/" + id + " ino " + std::to_string(ino) + " size " +
           std::to_string(size) + " mtime " + std::to_string(mtime) + " attempts " +
           std::to_string(attempts) + "\n";
  }
  static std::string sorted(const std::string& lines) {
    std::set<std::string> all;
    for (size_t at = 0; at < lines.size();) {
      size_t end = lines.find('\n', at) + 1;
      all.insert(lines.substr(at, end - at));
      at = end;
    }
    std::string text;
    for (const std::string& one : all) text += one;
    return text;
  }

  std::mt19937 random_;
  Model model_;
  Model committed_;
  std::vector<AttemptId> claimed_;
  std::set<int64_t> refused_;  // jobs of which that is not stored yet
  size_t kills_ = 0;
  int operation_ = 0;
  bool failed_ = false;
};

int from_environment(const char* name, int otherwise) {
  const char* text = getenv(name);
  return text == nullptr ? otherwise : atoi(text);
}

}  // namespace

TEST_CASE("the queue does what a simple model of it does, whatever comes") {
  int seed = from_environment("FILED_TEST_SEED", 0);
  int operations = from_environment("FILED_TEST_OPERATIONS", kOperations);
  constexpr int kLives = 10;
  int lives = seed == 0 ? kLives : 1;
  std::random_device device;
  std::map<std::string, int> done;
  for (int i = 0; i < lives; ++i) {
    auto used = seed == 0 ? device() % 1'000'000'000 + 1 : static_cast<unsigned>(seed);
    INFO("repeat with FILED_TEST_SEED=" << used << " FILED_TEST_OPERATIONS=" << operations / lives);
    ModelRig rig(used);
    rig.run(operations / lives);
    for (const auto& [what, times] : rig.done) done[what] += times;
  }
  if (operations < kOperations) return;  // too few to have seen everything
  for (const char* what :
       {"create", "flush", "rename", "remove", "exit", "transient failure", "failed turn", "crash",
        "failed by crashes", "flush refused", "rename refused", "refused job"}) {
    INFO(what);
    CHECK(done[what] > 0);
  }
}
