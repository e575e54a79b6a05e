#include "queue/owner_log.h"

#include <fcntl.h>
#include <unistd.h>

#include "catch.h"
#include "fake_clock.h"
#include "queue_rig.h"

using namespace filed;

namespace {

constexpr uid_t kMallory = 1002;

// How many of so many lines are written.
int written(OwnerLog& log, uid_t owner, int lines) {
  int written = 0;
  for (int i = 0; i < lines; ++i) written += log.admits(owner) ? 1 : 0;
  return written;
}

}  // namespace

TEST_CASE("an owner has a limit of lines a minute, and others and root have theirs") {
  log_setup(LogTarget::kStderr, LogLevel::kInfo);
  FakeClock clock;
  OwnerLog log(clock);
  CHECK(written(log, kMallory, OwnerLog::kMaxLines) == OwnerLog::kMaxLines);
  CHECK_FALSE(log.next_deadline_ns());
  clock.advance_ms(59'000);
  CHECK(written(log, kMallory, 7) == 0);
  CHECK(written(log, 1003, 7) == 7);
  CHECK(written(log, 0, 2 * OwnerLog::kMaxLines) == 2 * OwnerLog::kMaxLines);
  CHECK(log.next_deadline_ns() == clock.mono_ns() + kNsPerSec);
  clock.advance_ms(1000);
  log.run_deadlines(clock.mono_ns());
  CHECK_FALSE(log.next_deadline_ns());
  CHECK(written(log, kMallory, 7) == 7);
}

TEST_CASE("lines that the level leaves out are not counted") {
  FakeClock clock;
  OwnerLog log(clock);
  log_setup(LogTarget::kStderr, LogLevel::kError);
  CHECK(written(log, kMallory, 2 * OwnerLog::kMaxLines) == 0);
  log_setup(LogTarget::kStderr, LogLevel::kInfo);
  CHECK_FALSE(log.next_deadline_ns());
  CHECK(written(log, kMallory, 1) == 1);
}

// Each removal of a job is a line.
TEST_CASE_METHOD(QueueRig, "the lines that were left out are told a minute later") {
  log_setup(LogTarget::kStderr, LogLevel::kInfo);
  set([](QueueSettings& settings) { settings.workers = 0; });
  int lines = OwnerLog::kMaxLines;
  SECTION("not before the limit") { --lines; }
  SECTION("beyond the limit") {}
  int error = dup(STDERR_FILENO);
  int null = ::open("/dev/null", O_WRONLY);
  dup2(null, STDERR_FILENO);
  for (int i = 0; i <= lines; ++i) {
    REQUIRE(submit("j", "x") == 0);
    REQUIRE(rm(kPending, "j") == 0);
  }
  dup2(error, STDERR_FILENO);
  close(error);
  close(null);
  CHECK(queue->next_deadline_ns().has_value() == (lines == OwnerLog::kMaxLines));
  pass_ms(60'000);
  CHECK_FALSE(queue->next_deadline_ns());
}
