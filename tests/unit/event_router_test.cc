#include "queue/event_router.h"

#include "parts_rig.h"

using namespace filed;

namespace {

class RouterRig : public AttemptsRig {
 public:
  EventRouter router{hooks, attempts};
};

}  // namespace

TEST_CASE_METHOD(RouterRig, "events of a hook go to the hooks, all others to the attempts") {
  HookSettings commands;
  commands.on_complete = "tell";
  hooks.set(commands);
  Job job = add("j");
  AttemptId attempt = claim(job);
  router.started(attempt, 77);
  router.output(attempt, "out");
  CHECK(attempts.of(job.ino)->pid == 77);
  router.exited(attempt, {});
  REQUIRE(turn.end() == 0);
  CHECK(attempts.all_ended());

  REQUIRE(launcher.attempts.back().hook);
  AttemptId hook = launcher.attempts.back().attempt;
  CHECK(hooks.owns(hook));
  router.started(hook, 78);
  router.output(hook, "noise");
  CHECK_FALSE(hooks.idle());
  bool starts = GENERATE(true, false);
  if (starts) {
    router.exited(hook, {});
  } else {
    router.start_failed(hook, {"exec", ENOENT});
  }
  CHECK(hooks.idle());
}

TEST_CASE_METHOD(RouterRig, "events of an unknown number are of no effect") {
  router.started(99, 1);
  router.output(99, "x");
  router.undying(99, 1, 'D');
  router.exited(99, {});
  router.start_failed(99, {"fork", EAGAIN, Fault::kMachine});
  CHECK_FALSE(turn.changed());
  CHECK_FALSE(agenda.retry_ns);
}
