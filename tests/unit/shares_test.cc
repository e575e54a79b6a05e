#include "queue/shares.h"

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "catch.h"

using namespace filed;

TEST_CASE("the owner with the fewest under way is next, then the one with the oldest start") {
  Shares shares;
  CHECK_FALSE(shares.next());
  for (uid_t uid : {1, 2, 3}) shares.set_due(uid, true);
  CHECK(shares.next() == 1u);
  shares.start(1);
  CHECK(shares.next() == 2u);
  shares.start(2);
  CHECK(shares.next() == 3u);
  shares.start(3);
  shares.add_running(3, -1);
  shares.add_running(2, -1);
  CHECK(shares.next() == 2u);
  shares.set_due(2, false);
  CHECK(shares.next() == 3u);
  CHECK(shares.running(1) == 1);
  CHECK_FALSE(shares.is_due(2));
  CHECK_FALSE(shares.is_due(99));
}

TEST_CASE("a start is remembered while the owner has nothing due") {
  Shares shares;
  for (uid_t uid : {1, 2}) {
    shares.set_due(uid, true);
    shares.start(uid);
    shares.add_running(uid, -1);
    shares.set_due(uid, false);
  }
  shares.set_due(2, true);
  shares.set_due(1, true);
  CHECK(shares.next() == 1u);
}

TEST_CASE("an owner with as many under way as the limit is left out, but not root") {
  Shares shares;
  for (uid_t uid : {0, 1, 2}) {
    shares.set_due(uid, true);
    shares.start(uid);
  }
  shares.start(0);
  shares.set_limit(1);
  CHECK(shares.next() == 0u);
  shares.add_running(2, -1);
  CHECK(shares.next() == 2u);
  shares.set_limit(2);
  CHECK(shares.next_but(2) == 1u);
  shares.set_limit(0);
  shares.set_due(2, false);
  CHECK(shares.next_but(1) == 0u);
}

TEST_CASE("the only owner that holds workers is known") {
  Shares shares;
  shares.start(1);
  shares.start(1);
  CHECK(shares.sole_holder() == 1u);
  shares.start(2);
  CHECK_FALSE(shares.sole_holder());
  shares.add_workers(2, -1);  // it does not die
  CHECK(shares.sole_holder() == 1u);
  shares.add_running(1, -1);
  CHECK(shares.sole_holder() == 1u);
  shares.add_running(1, -1);
  CHECK_FALSE(shares.sole_holder());
}

// The model: of those due, the least (running, last start).
TEST_CASE("shares are those of a model, for random owners, lengths and arrivals") {
  auto seed = GENERATE(range(0, 20));
  std::mt19937 random(static_cast<unsigned>(seed));
  auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  struct Model {
    int jobs = 0, running = 0, last = 0;
  };
  std::map<uid_t, Model> model;
  std::vector<uid_t> workers;
  Shares shares;
  int starts = 0;
  for (int step = 0; step < 2000; ++step) {
    auto uid = static_cast<uid_t>(below(8));
    if (below(3) == 0) {
      model[uid].jobs += 1 + below(6);
      shares.set_due(uid, true);
    }
    if (workers.size() < 4) {
      auto turn = std::ranges::min_element(model, {}, [](const auto& entry) {
        const Model& owner = entry.second;
        return std::tuple(owner.jobs == 0, owner.running, owner.last, entry.first);
      });
      bool any = turn != model.end() && turn->second.jobs > 0;
      REQUIRE(shares.next() == (any ? std::optional(turn->first) : std::nullopt));
      if (!any) continue;
      Model& owner = turn->second;
      --owner.jobs, ++owner.running, owner.last = ++starts;
      workers.push_back(turn->first);
      shares.start(turn->first);
      if (owner.jobs == 0) shares.set_due(turn->first, false);
    } else {
      auto ended = workers.begin() + below(4);
      --model[*ended].running;
      shares.add_running(*ended, -1);
      workers.erase(ended);
    }
  }
}
