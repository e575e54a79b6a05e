// The commands of [hooks]: how many run at once and how long, and that nothing depends on them.
#include "queue/hooks.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "queue_rig.h"

using namespace filed;

namespace {

class HookRig : public QueueRig {
 public:
  HookRig() {
    set([](QueueSettings& queue) {
      queue.workers = 20;
      queue.retries = 0;
    });
    settings.hooks.on_complete = "tell";
    settings.hooks.on_failure = "complain";
    queue->set_base_settings(settings);
  }

  // Runs a job, which ends with that exit status.
  void end_job(const std::string& id, int status = 0, const Caller& owner = kAlice) {
    REQUIRE(submit(id, "work", owner) == 0);
    begin(id);
    exit(id, status);
  }

  // All that were started so far.
  std::vector<const StartRequest*> hooks() {
    std::vector<const StartRequest*> found;
    for (const StartRequest& request : launcher.attempts) {
      if (request.hook) found.push_back(&request);
    }
    return found;
  }

  void end_hook(AttemptId run, int wait_status = 0) {
    AttemptExit exit;
    exit.wait_status = wait_status;
    queue->launcher_events().exited(run, exit);
    turn();
  }
};

std::string value(const StartRequest& hook, std::string_view name) {
  for (const auto& [key, value] : hook.env) {
    if (key == name) return std::string(value);
  }
  return "not set";
}

}  // namespace

TEST_CASE("a hook is told of a job when its end is committed, and reads the log") {
  HookRig f;
  f.end_job("good");
  f.end_job("bad", 3);
  auto hooks = f.hooks();
  REQUIRE(hooks.size() == 2);
  CHECK(hooks[0]->text == "tell");
  CHECK(value(*hooks[0], "FILED_STATE") == "complete");
  CHECK(value(*hooks[0], "FILED_EXIT") == "0");
  CHECK(hooks[1]->text == "complain");
  CHECK(value(*hooks[1], "FILED_STATE") == "failed");
  CHECK(value(*hooks[1], "FILED_EXIT") == "3");
  CHECK(value(*hooks[1], "FILED_CAUSE") == "exit status 3");
  CHECK(value(*hooks[1], "FILED_ATTEMPTS") == "1");
  char log[100];
  ssize_t size = read(hooks[1]->input->get(), log, sizeof log);
  CHECK(std::string(log, static_cast<size_t>(std::max<ssize_t>(size, 0))) ==
        ">>> work\n\n\n[System Error]: exit status 3\n");
}

TEST_CASE("four hooks run at once, the others in their turn") {
  HookRig f;
  for (int i = 0; i < 10; ++i) f.end_job(std::to_string(i));
  CHECK(f.ls(kComplete).size() == 10);
  for (size_t started = Hooks::kMaxRunning; started <= 10; ++started) {
    auto hooks = f.hooks();
    REQUIRE(hooks.size() == started);
    CHECK(hooks.back()->id == std::to_string(started - 1));
    f.end_hook(hooks[started - Hooks::kMaxRunning]->attempt, exited_with(1));
  }
  CHECK(f.hooks().size() == 10);
}

TEST_CASE("a hook that takes longer than a minute is killed, once") {
  HookRig f;
  f.end_job("job");
  f.news();
  f.pass_ms(59'999);
  CHECK(f.news() == Strings{});
  f.pass_ms(1);
  CHECK(f.news() == Strings{"kill job"});
  f.pass_ms(120'000);
  CHECK(f.news() == Strings{});
  f.end_hook(f.hooks()[0]->attempt, killed_by(9));
  CHECK(f.is_in(kComplete, "job"));
}

TEST_CASE("hooks beyond a thousand that wait are left out, and the jobs do not care") {
  HookRig f;
  constexpr size_t kJobs = Hooks::kMaxRunning + Hooks::kMaxWaiting + 5;
  for (size_t i = 0; i < kJobs; ++i) f.end_job(std::to_string(i));
  CHECK(f.ls(kComplete).size() == kJobs);
  for (size_t i = 0; i < f.hooks().size(); ++i) f.end_hook(f.hooks()[i]->attempt);
  CHECK(f.hooks().size() == kJobs - 5);
}

TEST_CASE("what a hook prints, fails with or cannot start changes nothing") {
  HookRig f;
  f.end_job("job");
  f.end_job("other");
  f.queue->launcher_events().output(f.hooks()[0]->attempt, "noise");
  f.end_hook(f.hooks()[0]->attempt, exited_with(1));
  f.queue->launcher_events().start_failed(f.hooks()[1]->attempt, {"exec", ENOENT});
  f.turn();
  CHECK(f.cat(kComplete, "job") == ">>> work\n");
  CHECK(f.ls(kComplete).size() == 2);
  CHECK(f.ls(kFailed).empty());
  f.end_job("next");
  CHECK(f.hooks().size() == 3);
}

TEST_CASE("a hook that does not die lets others run, and is forgotten") {
  HookRig f;
  for (size_t i = 0; i <= Hooks::kMaxRunning; ++i) f.end_job(std::to_string(i));
  CHECK(f.hooks().size() == Hooks::kMaxRunning);
  AttemptId stuck = f.hooks()[0]->attempt;
  f.queue->launcher_events().undying(stuck, 77, 'D');
  CHECK(f.hooks().size() == Hooks::kMaxRunning + 1);
  f.end_hook(stuck, killed_by(9));
  for (size_t i = 1; i <= Hooks::kMaxRunning; ++i) f.end_hook(f.hooks()[i]->attempt);
  f.queue->stop();
  CHECK(f.queue->stopped());
}

TEST_CASE("a thousand hooks of one owner neither drop nor delay those of another") {
  HookRig f;
  for (size_t i = 0; i < Hooks::kMaxRunning + Hooks::kMaxWaiting + 5; ++i) {
    f.end_job("a" + std::to_string(i));
  }
  REQUIRE(f.hooks().size() == Hooks::kMaxRunning);
  f.end_job("b0", 0, kBob);
  REQUIRE(f.hooks().size() == Hooks::kMaxRunning + 1);
  CHECK(f.hooks().back()->id == "b0");

  // A second one of the same owner waits for a place, but not behind the thousand.
  f.end_job("b1", 0, kBob);
  REQUIRE(f.hooks().size() == Hooks::kMaxRunning + 1);
  f.end_hook(f.hooks()[0]->attempt);
  REQUIRE(f.hooks().size() == Hooks::kMaxRunning + 1);  // still as many as four
  f.end_hook(f.hooks()[1]->attempt);
  REQUIRE(f.hooks().size() == Hooks::kMaxRunning + 2);
  CHECK(f.hooks().back()->id == "b1");
}

TEST_CASE("no more than eight hooks run at once, however many owners there are") {
  HookRig f;
  for (size_t i = 0; i < Hooks::kMaxRunning; ++i) f.end_job("a" + std::to_string(i));
  for (uid_t uid = 2000; uid < 2010; ++uid) {
    f.end_job("b" + std::to_string(uid), 0, {uid, 100});
  }
  CHECK(f.hooks().size() == Hooks::kMaxRunningOfAll);
  for (size_t i = 0; i < f.hooks().size(); ++i) f.end_hook(f.hooks()[i]->attempt);
  CHECK(f.hooks().size() == Hooks::kMaxRunning + 10);
}
