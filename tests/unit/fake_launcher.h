// A launcher that starts nothing: it remembers what it was told, and the test tells what became of
// it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "launcher/launcher_interface.h"

class FakeLauncher final : public filed::Launcher {
 public:
  void start(const filed::StartRequest& request) override {
    attempts.push_back(request);
    told.push_back("start " + request.id);
    names[request.attempt] = request.id;
  }
  void terminate(filed::AttemptId run) override { told.push_back("terminate " + names[run]); }
  void kill(filed::AttemptId run) override { told.push_back("kill " + names[run]); }
  bool kill_soon(filed::AttemptId run) override {
    told.push_back("kill soon " + names[run]);
    return !kills_take_time;
  }
  bool recall_kill(filed::AttemptId run) override {
    told.push_back("recall " + names[run]);
    return !kills_have_begun;
  }
  void hold_output(filed::AttemptId run, bool held) override {
    told.push_back((held ? "hold " : "unhold ") + names[run]);
  }

  // What it was told since the last call.
  std::vector<std::string> news() { return std::exchange(told, {}); }

  bool kills_take_time = false;               // killed() is to be called after kill_soon()
  bool kills_have_begun = false;              // recall_kill() comes too late
  std::vector<filed::StartRequest> attempts;  // all that were started
  std::vector<std::string> told;
  std::map<filed::AttemptId, std::string> names;
};
