#include "queue/deadlines.h"

#include "catch.h"
#include "queue/agenda.h"

using namespace filed;

TEST_CASE("deadlines are taken in order, each once, and not before their time") {
  Deadlines deadlines;
  CHECK_FALSE(deadlines.next());
  deadlines.set(1, 30);
  deadlines.set(2, 10);
  deadlines.set(3, 10);
  CHECK(deadlines.next() == int64_t{10});
  CHECK_FALSE(deadlines.take(9));
  CHECK(deadlines.take(10) == 2U);
  CHECK(deadlines.take(10) == 3U);
  CHECK_FALSE(deadlines.take(29));
  CHECK(deadlines.take(100) == 1U);
  CHECK_FALSE(deadlines.take(INT64_MAX));
}

TEST_CASE("a key has one deadline: the one set last") {
  Deadlines deadlines;
  deadlines.set(1, 10);
  deadlines.set(1, 50);
  CHECK(deadlines.size() == 1);
  CHECK(deadlines.next() == int64_t{50});
  deadlines.set(1, 20);
  CHECK(deadlines.next() == int64_t{20});
  deadlines.clear(1);
  deadlines.clear(1);
  CHECK_FALSE(deadlines.has(1));
  CHECK_FALSE(deadlines.next());
}

TEST_CASE("the earlier of two deadlines, of which either may be missing") {
  CHECK(earlier(5, 7) == int64_t{5});
  CHECK(earlier(7, 5) == int64_t{5});
  CHECK(earlier(std::nullopt, 5) == int64_t{5});
  CHECK(earlier(5, std::nullopt) == int64_t{5});
  CHECK_FALSE(earlier(std::nullopt, std::nullopt));
  CHECK(reached(5, 5));
  CHECK_FALSE(reached(6, 5));
  CHECK_FALSE(reached(std::nullopt, INT64_MAX));
}
