// A launcher that starts nothing: it remembers what it was told, and the test tells what became of
// it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "launcher/attempt.h"

class FakeLauncher final : public filed::Launcher {
 public:
  void start(const filed::Attempt& attempt) override {
    attempts.push_back(attempt);
    told.push_back("start " + attempt.id);
    names[attempt.run] = attempt.id;
  }
  void terminate(filed::RunId run) override { told.push_back("terminate " + names[run]); }
  void kill(filed::RunId run) override { told.push_back("kill " + names[run]); }
  void hold_output(filed::RunId run, bool held) override {
    told.push_back((held ? "hold " : "unhold ") + names[run]);
  }

  // What it was told since the last call.
  std::vector<std::string> news() { return std::exchange(told, {}); }

  std::vector<filed::Attempt> attempts;  // all that were started
  std::vector<std::string> told;
  std::map<filed::RunId, std::string> names;
};
