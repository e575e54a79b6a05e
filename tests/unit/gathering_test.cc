#include "queue/gathering.h"

#include "base/clock.h"
#include "catch.h"

using namespace filed;

namespace {

constexpr uid_t kAlice = 1001;
constexpr uid_t kMallory = 1002;

// A turn of one receipt, and how often it has asked to wait, with a pause before each further ask.
int waits_of_turn(Gathering& gathering, int64_t ino, uid_t uid, int64_t& now_ns) {
  gathering.receipt(ino, uid);
  int waits = 0;
  while (auto until = gathering.until_ns(now_ns)) {
    ++waits;
    now_ns = *until;
  }
  gathering.end_turn();
  gathering.forget(ino);
  return waits;
}

}  // namespace

TEST_CASE("a commit waits for what a user writes only after a first receipt") {
  Gathering gathering;
  int64_t now = kNsPerSec;
  gathering.written(1, kMallory, now);
  CHECK(waits_of_turn(gathering, 10, kAlice, now) == 0);
  CHECK(waits_of_turn(gathering, 1, kMallory, now) == 0);
  gathering.written(2, kMallory, now);
  CHECK(waits_of_turn(gathering, 11, kAlice, now) > 0);
}

TEST_CASE("a commit waits no longer than a recent write, a pause and a bound") {
  Gathering gathering;
  int64_t now = kNsPerSec;
  waits_of_turn(gathering, 1, kMallory, now);
  gathering.written(2, kMallory, now);
  gathering.receipt(10, kAlice);
  CHECK(gathering.until_ns(now) == now + 200'000);
  gathering.written(2, kMallory, now + 900'000);
  CHECK(gathering.until_ns(now + 1'500'000) == now + 1'700'000);
  gathering.written(2, kMallory, now + 2'800'000);
  CHECK(gathering.until_ns(now + 2'900'000) == now + 3'000'000);
  CHECK_FALSE(gathering.until_ns(now + 3'000'000));
}

TEST_CASE("no commit waits twice for one upload, however often it is written") {
  Gathering gathering;
  int64_t now = kNsPerSec;
  for (int64_t ino = 1; ino <= 20; ++ino) waits_of_turn(gathering, ino, kMallory, now);
  int waited = 0;
  for (int64_t turn = 0; turn < 100; ++turn) {
    for (int64_t ino = 1; ino <= 20; ++ino) gathering.written(ino, kMallory, now);
    if (waits_of_turn(gathering, 100 + turn, kAlice, now) > 0) ++waited;
  }
  CHECK(waited == 1);
}

TEST_CASE("nor for others of a user for which it has waited in vain, until the next receipt") {
  Gathering gathering;
  int64_t now = kNsPerSec;
  waits_of_turn(gathering, 1, kMallory, now);
  int waited = 0;
  auto write_new = [&, ino = int64_t{1000}]() mutable { gathering.written(++ino, kMallory, now); };
  for (int64_t turn = 0; turn < 100; ++turn) {
    write_new();
    if (waits_of_turn(gathering, 100 + turn, kAlice, now) > 0) ++waited;
  }
  CHECK(waited == 1);
  waits_of_turn(gathering, 2, kMallory, now);
  write_new();
  CHECK(waits_of_turn(gathering, 300, kAlice, now) > 0);
}

TEST_CASE("it waits for as many receipts as the last turn had") {
  Gathering gathering;
  int64_t now = kNsPerSec;
  for (int64_t ino = 1; ino <= 3; ++ino) gathering.receipt(ino, kAlice);
  gathering.end_turn();
  gathering.receipt(4, kAlice);
  CHECK(gathering.until_ns(now));
  gathering.receipt(5, kAlice);
  CHECK(gathering.until_ns(now));
  gathering.receipt(6, kAlice);
  CHECK_FALSE(gathering.until_ns(now));
}
