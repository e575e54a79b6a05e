// One story of a queue, with the power cut, or a write failed, at every single change that it makes
// to the disk. What is found afterwards is compared with two things: what the story was told is
// done (its ledger), and what the store held after each commit.
#include <algorithm>
#include <map>

#include "base/error.h"
#include "catch.h"
#include "queue_rig.h"

using namespace filed;

namespace {

// Every change, or every so many of them where each takes long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int64_t kStep = 7;
#else
constexpr int64_t kStep = 1;
#endif

using Ledger = std::map<std::string, std::string>;  // id → text, of all jobs

// All that a store holds, readable.
std::string dump(Store& store) {
  std::string all;
  for (Dir dir : {kPending, kActive, kFailed, kComplete}) {
    REQUIRE(store.list(dir, 0, [&](const Job& job) {
      all += std::string(dir_name(dir)) + "/" + job.id + " " + std::to_string(job.ino) + " " +
             std::to_string(job.mtime_ns) + " " + std::to_string(job.attempts) + " " +
             std::to_string(job.log) + " " + std::to_string(job.log_size) + " " +
             job.outcome.cause + "\n";
      return true;
    }) == 0);
  }
  for (const auto& [key, value] : store.load_settings()) all += key + "=" + value + "\n";
  return all;
}

std::string log_of(Store& store, const Job& job) {
  std::string log;
  std::string piece;
  int64_t chunk = 0;
  do {
    REQUIRE(store.read_chunk(job.log, chunk++, 0, Store::kChunkSize, piece) == 0);
    log += piece;
  } while (!piece.empty());
  return log;
}

struct Commit {
  size_t changes;  // of the disk until it was acknowledged
  Ledger ledger;
  std::string dump;
};

class Story : public QueueRig {
 public:
  explicit Story(Durability durability) {
    settings.queue.durability = durability;
    settings.queue.workers = 2;
    settings.queue.retries = 1;
    queue->set_base_settings(settings);
    after_turn = [this] { note(); };
    turn();
  }

  void note() { commits.push_back({disk.recorded().size(), ledger, dump(*store)}); }

  // Does `action`, which makes the ledger what `change` makes of it if it succeeds.
  void act(const std::function<void(Ledger&)>& change, const std::function<int()>& action) {
    Ledger before = ledger;
    change(ledger);
    if (action() != 0) ledger = before;
    pass_ms(1000);  // what could not be stored is tried again
    pass_ms(1000);
  }
  void submit_job(const std::string& id, const std::string& text) {
    act([&](Ledger& l) { l[id] = text; }, [&] { return submit(id, text); });
  }
  void remove_job(Dir dir, const std::string& id) {
    act([&](Ledger& l) { l.erase(id); }, [&] { return rm(dir, id); });
  }
  void move_job(Dir from, const std::string& id, Dir to) {
    act([](Ledger&) {}, [&] { return mv(from, id, to); });
  }
  void print_some(const std::string& id, size_t size) {
    if (!is_in(kActive, id)) return;  // it was told that it is not there
    print(id, output(size));
    pass_ms(1000);
    pass_ms(1000);
  }
  void end_job(const std::string& id, int status) {
    if (!has_run(id)) return;
    exit(id, status);
    pass_ms(1000);
    pass_ms(3000);
  }
  bool has_run(const std::string& id) {
    return std::any_of(launcher.attempts.begin(), launcher.attempts.end(),
                       [&](const StartRequest& request) { return request.id == id; });
  }
  static std::string output(size_t size) {
    std::string bytes;
    for (int i = 0; bytes.size() < size; ++i) bytes += std::to_string(i) + "\n";
    bytes.resize(size);
    return bytes;
  }

  void tell() {
    submit_job("a", "echo a");
    submit_job("b", "echo " + std::string(6000, 'b'));
    submit_job("c", "echo c");
    print_some("a", 100);
    end_job("a", 0);
    print_some("b", 70'000);
    end_job("b", 1);  // and is retried
    end_job("c", 0);
    move_job(kComplete, "c", kPending);
    print_some("c", 10);
    move_job(kActive, "c", kFailed);
    end_job("c", 9);
    remove_job(kComplete, "a");
    submit_job(".draft", "echo d");
    act([](Ledger& l) { l["d"] = std::exchange(l[".draft"], ""), l.erase(".draft"); },
        [&] { return mv(kPending, ".draft", kPending, "d"); });
    submit_job("e", "echo e");
    rewrite("e", "echo another e");
    submit_job(".new", "echo new e");
    act([](Ledger& l) { l["e"] = l[".new"], l.erase(".new"); },
        [&] { return is_in(kPending, "e") ? mv(kPending, ".new", kPending, "e") : EEXIST; });
    if (queue->write_settings("workers = 1\nretries = 0\n") == 0) turn();
    pass_ms(1000);
    std::string id;
    if (queue->new_id(id) == 0) turn();
    pass_ms(1000);
    store->tidy(true);
    print_some("d", 200'000);
    end_job("d", 2);
    store->tidy(true);
    remove_job(kFailed, "d");
    pass_ms(1000);
    move_job(kFailed, "c", kPending);
    submit_job("f", "echo f");
  }

  // Room is given back, the log is moved into the file and begins anew. `mark` is where that
  // begins.
  void tell_of_room() {
    submit_job("large", "echo large");
    print_some("large", 1'150'000);
    end_job("large", 0);
    submit_job("b", "echo b");
    mark = disk.recorded().size();
    step = 13;  // there are many, and each takes long
    if (at_mark) at_mark();
    remove_job(kComplete, "large");
    for (int i = 0; i < 20 && store->tidy(true); ++i) turn();
    submit_job("c", "echo c");
    end_job("b", 1);
    store->tidy(true);
    submit_job("d", "echo d");
  }

  void rewrite(const std::string& id, const std::string& text) {
    if (!is_in(kPending, id)) return;
    act([&](Ledger& l) { l[id] = text; },
        [&] {
          OpenJob file = open(kPending, id, true, true);
          queue->write(file, 0, text);
          int error = flush(file);
          queue->close(file);
          turn();
          return error;
        });
  }

  Ledger ledger;
  std::vector<Commit> commits;
  size_t mark = 0;
  int64_t step = 1;
  std::function<void()> at_mark;
};

// What is in a store, as the ledger has it; checks that no id is there twice and that every log is
// what it may be.
Ledger found_in(Store& store) {
  Ledger found;
  for (Dir dir : {kPending, kActive, kFailed, kComplete}) {
    REQUIRE(store.list(dir, 0, [&](const Job& job) {
      std::string text;
      REQUIRE(store.read_text(job.ino, text) == 0);
      CHECK(found.emplace(job.id, text).second);
      if (job.log == 0) return true;
      std::string log = log_of(store, job);
      if (dir != kActive) CHECK(static_cast<int64_t>(log.size()) == job.log_size);
      if (log.empty()) return true;
      std::string header = log_header(text);
      CHECK(log.substr(0, header.size()) == header);
      std::string printed = log.substr(std::min(log.size(), header.size()));
      size_t end = printed.find("\n\n[System Error]: ");
      if (end != printed.npos) printed.resize(end);
      CHECK((printed == Story::output(printed.size())));
      return true;
    }) == 0);
  }
  CHECK(store.counts().total() == static_cast<int64_t>(found.size()));
  return found;
}

void check_integrity(const std::string& path) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", nullptr, nullptr, nullptr);
  std::string result;
  sqlite3_exec(
      db, "PRAGMA integrity_check",
      [](void* to, int, char** values, char**) {
        *static_cast<std::string*>(to) += values[0];
        return 0;
      },
      &result, nullptr);
  sqlite3_close(db);
  CHECK(result == "ok");
}

// Cuts the power now, keeping nothing that was not synced: all that the store has is there again.
void check_survives(Story& story) {
  std::string before = dump(*story.store);
  std::mt19937 random(7);
  story.after_turn = nullptr;
  story.queue.reset();
  story.disk.cut_power(random, 0);
  story.store.reset();
  story.store.emplace(story.dir.file("db"));
  CHECK(dump(*story.store) == before);
  CHECK(found_in(*story.store) == story.ledger);
}

// The seed of a test: FILED_TEST_SEED, which repeats a run, or another one each time.
unsigned test_seed() {
  const char* given = getenv("FILED_TEST_SEED");
  return given != nullptr ? static_cast<unsigned>(strtoul(given, nullptr, 10))
                          : std::random_device()();
}

// Tells the story from an empty disk, and records each change of the disk.
void record(Story& story, Durability durability, void (Story::*tell)()) {
  story.queue.reset();
  story.store.reset();
  std::filesystem::remove(story.dir.file("db"));
  story.disk.clear();
  story.commits.clear();
  story.disk.record(true);
  story.start();
  story.note();
  if (durability == Durability::kNormal) story.turn();  // it takes effect after the first turn
  (story.*tell)();
  REQUIRE(story.store->close() == 0);
  story.note();
  story.queue.reset();
  story.store.reset();
  story.disk.record(false);
  CHECK(story.ledger.size() >= 3);
}

// Opens what is left on the disk after the change number `changes`, and compares it with what was
// acknowledged: `last` is the last commit that was. Then filed goes on from there.
void check_left(const Story& story, size_t last, size_t changes, Durability durability) {
  Store store(story.dir.file("db"));
  std::string now = dump(store);
  Ledger ledger = found_in(store);
  bool started = last > 0 || story.commits[0].changes <= changes;
  size_t first = durability == Durability::kFull ? last : 0;
  size_t end = std::min(last + 2, story.commits.size());
  bool is_known = !started && ledger.empty();
  for (size_t i = first; i < end && !is_known; ++i) {
    is_known = story.commits[i].dump == now && story.commits[i].ledger == ledger;
  }
  if (!is_known) FAIL("found\n" << now << "last acknowledged\n" << story.commits[last].dump);
  FakeLauncher launcher;
  Queue queue(store, launcher, story.clock, LiveSettings(story.settings), {});
  REQUIRE(recover(store, story.clock, {}) == 0);
  CHECK(queue.end_turn() == 0);
  CHECK(found_in(store) == ledger);
}

// Cuts the power after each change of the story, from its mark on.
void cut_everywhere(Durability durability, void (Story::*tell)() = &Story::tell) {
  unsigned seed = test_seed();
  std::mt19937 random(seed);
  Story story(durability);
  record(story, durability, tell);
  FaultDisk replay;
  FaultDisk disk;
  const auto& changes = story.disk.recorded();
  CHECK(changes.size() > 500);
  size_t last = 0;  // the last commit that was acknowledged
  int64_t step = kStep * story.step;
  int64_t offset = static_cast<int64_t>(random() % static_cast<uint32_t>(step));
  for (size_t n = 0; n < changes.size(); ++n) {
    replay.apply(changes[n]);
    while (last + 1 < story.commits.size() && story.commits[last + 1].changes <= n + 1) ++last;
    if (n < story.mark || static_cast<int64_t>(n) % step != offset) continue;
    for (double keep : {0.0, 0.5, 1.0}) {
      INFO("power cut after change "
           << n + 1 << " of " << changes.size() << ", " << keep
           << " of what was not synced is kept, FILED_TEST_SEED=" << seed);
      disk.copy_from(replay);
      disk.cut_power(random, keep);
      check_left(story, last, n + 1, durability);
      if (story.step > 1 || n % 8 == 0) check_integrity(story.dir.file("db"));
    }
  }
}

}  // namespace

TEST_CASE("a power cut anywhere loses nothing that was acknowledged", "[slow]") {
  cut_everywhere(Durability::kFull);
}

TEST_CASE("a power cut at durability normal loses but the last commits, and tears none", "[slow]") {
  cut_everywhere(Durability::kNormal);
}

TEST_CASE("a power cut while room is given back and the log begins anew loses nothing", "[slow]") {
  cut_everywhere(Durability::kFull, &Story::tell_of_room);
}

TEST_CASE("a failure while room is given back and the log begins anew loses nothing", "[slow]") {
  for (int64_t n = 1;; n += 17 * kStep) {
    INFO("change " << n << " fails, and 2 more");
    Story story(Durability::kFull);
    story.at_mark = [&] { story.disk.fail(n, SQLITE_IOERR_WRITE, 2); };
    story.tell_of_room();
    bool has_failed = story.disk.has_failed();
    story.disk.fail(0);
    story.pass_ms(2000);
    CHECK(found_in(*story.store) == story.ledger);
    for (int i = 0; i < 20 && story.store->tidy(true); ++i) story.turn();
    check_survives(story);
    story.store.reset();
    check_integrity(story.dir.file("db"));
    if (!has_failed) {
      CHECK(n > 100);
      break;
    }
  }
}

TEST_CASE(
    "a write, sync or truncation that fails anywhere harms only the callers that get its errno",
    "[slow]") {
  auto [code, length, step] = GENERATE(table<int, int64_t, int64_t>({
      {SQLITE_FULL, 0, 1},
      {SQLITE_IOERR_WRITE, 3, 7},
  }));
  for (int64_t n = 1;; n += step * kStep) {
    INFO("change " << n << " fails with " << code << ", and " << length << " more");
    Story story(Durability::kFull);
    story.disk.fail(n, code, length);
    story.tell();
    bool has_failed = story.disk.has_failed();
    story.disk.fail(0);
    story.pass_ms(2000);
    CHECK(found_in(*story.store) == story.ledger);
    CHECK(story.turn() == 0);
    check_survives(story);
    if (n % 16 == 0) {
      story.store.reset();
      check_integrity(story.dir.file("db"));
    }
    if (!has_failed) {
      CHECK(n > 300);
      break;
    }
  }
}
