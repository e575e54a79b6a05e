#include "queue/turn.h"

#include "parts_rig.h"

using namespace filed;

TEST_CASE_METHOD(PartsRig,
                 "what waits for the end of a turn is called after the commit, in order") {
  std::string calls;
  turn.on_end([&](int error) { calls += "a" + std::to_string(error); });
  turn.on_end([&](int error) { calls += "b" + std::to_string(error); });
  turn.on_rollback([&] { calls += "never"; });
  CHECK(calls.empty());
  CHECK(turn.end() == 0);
  CHECK(calls == "a0b0");
  CHECK(turn.end() == 0);
  CHECK(calls == "a0b0");
}

TEST_CASE_METHOD(PartsRig,
                 "a failed commit restores memory, last change first, before it is told") {
  Job job = add("j");
  std::string calls;
  turn.on_rollback([&] { calls += "1"; });
  turn.on_rollback([&] { calls += "2"; });
  turn.on_end([&](int error) { calls += error == EIO ? "told" : "?"; });
  REQUIRE(store.remove(job) == 0);
  CHECK(turn.changed());
  disk.fail(1);
  CHECK(turn.end() == EIO);
  CHECK(calls == "21told");
  CHECK_FALSE(turn.changed());
  CHECK(has_row(job.ino));
}

TEST_CASE_METHOD(PartsRig, "what is staged at the end of a turn belongs to the next one") {
  Job job = add("j");
  turn.on_end([&](int) { store.remove(job); });
  CHECK(turn.end() == 0);
  CHECK(turn.changed());
  CHECK(turn.may_change(job.ino));
  CHECK(turn.may_change(job.id));
  store.rollback();
  CHECK(has_row(job.ino));
}
