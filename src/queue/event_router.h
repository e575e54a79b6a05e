// Passes each report of the launcher to the part that it is for: to Hooks if it is about a command
// of [hooks], else to Attempts.
#pragma once

#include "launcher/launcher_interface.h"
#include "queue/attempts.h"
#include "queue/hooks.h"

namespace filed {

class EventRouter final : public LauncherEvents {
 public:
  EventRouter(Hooks& hooks, Attempts& attempts) : hooks_(hooks), attempts_(attempts) {}

  void started(AttemptId id, pid_t pid) override { owner_of(id).started(id, pid); }
  void start_failed(AttemptId id, const StartFailure& failure) override {
    owner_of(id).start_failed(id, failure);
  }
  void output(AttemptId id, std::string_view bytes) override { owner_of(id).output(id, bytes); }
  void killed(AttemptId id) override { owner_of(id).killed(id); }
  void undying(AttemptId id, pid_t pid, char state) override {
    owner_of(id).undying(id, pid, state);
  }
  void exited(AttemptId id, const AttemptExit& exit) override { owner_of(id).exited(id, exit); }

 private:
  LauncherEvents& owner_of(AttemptId id) {
    if (hooks_.owns(id)) return hooks_;
    return attempts_;
  }

  Hooks& hooks_;
  Attempts& attempts_;
};

}  // namespace filed
