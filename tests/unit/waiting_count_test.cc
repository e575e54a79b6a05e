#include "queue/waiting_count.h"

#include "store_rig.h"

using namespace filed;

namespace {

class WaitingRig {
 public:
  WaitingRig() { begin(); }

  void begin() {
    std::vector<uid_t> owners;
    REQUIRE(store.claimable_owners(owners) == 0);
    store.take_claimable_changes();
    waiting.begin(owners, now);
  }

  Job submit(int64_t mtime) {
    Job job = add(store, "j" + std::to_string(++jobs), Dir::kPending, mtime);
    commit();
    return job;
  }

  void commit() {
    auto changes = store.take_claimable_changes();
    REQUIRE(store.commit() == 0);
    waiting.note(changes, now);
  }

  // The number of pieces that it takes to bring the count up to date.
  int advance() {
    int pieces = 0;
    while (waiting.advance(store, now)) ++pieces;
    return pieces;
  }

  TempDir dir;
  Store store{dir.file("db")};
  WaitingCount waiting;
  int64_t now = 1000 * kNsPerSec;
  int jobs = 0;
};

}  // namespace

TEST_CASE_METHOD(WaitingRig, "jobs that are due later are counted until they are due") {
  submit(now);
  CHECK(waiting.count() == 0);
  submit(now + 10);
  submit(now + 20);
  submit(now + 20);
  CHECK(waiting.count() == 3);
  CHECK(waiting.next_ns() == now + 10);
  now += 10;
  advance();
  CHECK(waiting.count() == 2);
  CHECK(waiting.next_ns() == now + 10);
  now += 100;
  advance();
  CHECK(waiting.count() == 0);
  CHECK_FALSE(waiting.next_ns());
}

TEST_CASE_METHOD(WaitingRig, "a job that is removed, or gets another time, is counted alike") {
  Job job = submit(now + 10);
  Job later = job;
  later.mtime_ns = now + 50;
  REQUIRE(store.update(job, later) == 0);
  commit();
  CHECK(waiting.count() == 1);
  now += 20;
  advance();
  CHECK(waiting.count() == 1);
  Job due = later;
  due.mtime_ns = now - 1;
  REQUIRE(store.update(later, due) == 0);
  commit();
  CHECK(waiting.count() == 0);
  REQUIRE(store.update(due, later) == 0);
  commit();
  REQUIRE(store.remove(later) == 0);
  commit();
  CHECK(waiting.count() == 0);
}

TEST_CASE_METHOD(WaitingRig, "many jobs are counted, and become due, in pieces") {
  for (int i = 0; i < 3500; ++i) add(store, "m" + std::to_string(i), Dir::kPending, now + 10);
  REQUIRE(store.commit() == 0);
  waiting = {};
  begin();
  CHECK(waiting.count() == 0);
  CHECK(advance() == 3);
  CHECK(waiting.count() == 3500);
  now += 10;
  CHECK(waiting.advance(store, now));
  CHECK(waiting.count() == 2500);
  CHECK(advance() > 1);
  CHECK(waiting.count() == 0);
}

TEST_CASE_METHOD(WaitingRig, "what comes and goes while jobs are counted is not missed") {
  std::vector<Job> all;
  for (int i = 0; i < 2500; ++i) {
    all.push_back(add(store, "m" + std::to_string(i), Dir::kPending, now + 10 + i));
  }
  REQUIRE(store.commit() == 0);
  waiting = {};
  begin();
  CHECK(waiting.advance(store, now));
  submit(now + 5);     // before the end of what is counted
  submit(now + 9999);  // behind it
  for (size_t i : {size_t{0}, size_t{2400}}) REQUIRE(store.remove(all[i]) == 0);
  commit();
  advance();
  CHECK(waiting.count() == 2500);
}

TEST_CASE_METHOD(WaitingRig, "a clock that is set back begins the count anew") {
  submit(now - 50 * kNsPerSec);
  submit(now + kNsPerSec);
  CHECK(waiting.count() == 1);
  now -= 100 * kNsPerSec;
  advance();
  CHECK(waiting.count() == 2);
}
