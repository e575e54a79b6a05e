#include "mount/status_text.h"

#include "queue_rig.h"

using namespace filed;

TEST_CASE_METHOD(QueueRig, "status has changed when a counter has, and not when time has passed") {
  StatusText status(*queue, clock);
  int64_t started = clock.wall_ns();
  status.refresh();
  CHECK(status.changed_ns() == started);
  pass_ms(5000);
  CHECK(status.refresh().find("uptime 5\n") != std::string::npos);
  CHECK(status.changed_ns() == started);

  submit(".draft", "x");
  int64_t submitted = queue->changed_ns();
  CHECK(submitted > started);
  pass_ms(5000);
  status.refresh();
  CHECK(status.changed_ns() == submitted);

  REQUIRE(mv(kPending, ".draft", kPending, ".other") == 0);
  CHECK(queue->changed_ns() > submitted);
  status.refresh();
  CHECK(status.changed_ns() == submitted);
}

TEST_CASE_METHOD(QueueRig, "status tells which owner holds all workers, and when that began") {
  StatusText status(*queue, clock);
  REQUIRE(submit("a", "x") == 0);
  REQUIRE(submit("b", "x", kBob) == 0);
  CHECK(status.refresh().find("all_workers_held_by") == std::string::npos);
  pass_ms(60'000);
  CHECK(status.refresh().find("\nall_workers_held_by 1001\n") != std::string::npos);
  CHECK(status.changed_ns() == clock.wall_ns());
}

TEST_CASE_METHOD(QueueRig, "config.ini has changed when its text has") {
  int64_t started = queue->settings_changed_ns();
  pass_ms(10);
  CHECK(queue->write_settings("workers = 1\n") == 0);
  turn();
  CHECK(queue->settings_changed_ns() == started);
  SECTION("by a write") {
    CHECK(queue->write_settings("workers = 2\n") == 0);
    turn();
    CHECK(queue->settings_changed_ns() == clock.wall_ns());
  }
  SECTION("by the remark about a refused write") {
    CHECK(queue->write_settings("worker = 2\n") == EINVAL);
    CHECK(queue->settings_changed_ns() == clock.wall_ns());
  }
  SECTION("by the configuration file") {
    set([](QueueSettings& settings) { settings.retries = 9; });
    CHECK(queue->settings_changed_ns() == clock.wall_ns());
  }
}
