// Killing a tree that keeps forking, in a table of made-up processes. Time passes only when the code
// under test looks or signals, so that no run depends on the speed of the machine.
#include "launcher/process_tree.h"

#include <signal.h>

#include <algorithm>
#include <map>
#include <random>

#include "catch.h"
#include "launcher/children.h"
#include "launcher/marks.h"

using namespace filed;

namespace {

constexpr pid_t kLauncher = 100;
constexpr AttemptId kAttempt = 7;
constexpr AttemptId kOtherAttempt = 8;
constexpr size_t kLit = 20;  // members of the bomb when the kill begins

// A small machine. At each step one member that is not stopped may fork or exit. An orphan becomes
// a child of the launcher, as of a subreaper.
class FakeProcesses final : public ProcessTable {
 public:
  struct Member {
    Process process;
    std::optional<AttemptId> mark;
    bool forks = false;
    int stops_in = -1;  // steps until a SIGSTOP takes effect; -1: none is on its way
  };

  explicit FakeProcesses(unsigned seed) : random_(seed) { add(kLauncher, 1, kLauncher, {}, false); }

  pid_t add(pid_t pid, pid_t parent, pid_t session, std::optional<AttemptId> mark, bool forks) {
    members[pid] = {{pid, parent, session, session, ++start_, 'S', false}, mark, forks, -1};
    return pid;
  }

  // Some forks leave the session, and some of these lose the mark, too: only descent tells of them.
  void fork_from(const Member& parent) {
    bool is_hidden = random_() % 2 == 0;
    pid_t pid = next_pid_++;
    pid_t session = is_hidden || random_() % 5 == 0 ? pid : parent.process.session;
    add(pid, parent.process.pid, session, is_hidden ? std::nullopt : parent.mark, true);
  }

  void step() {
    for (auto& [pid, member] : members) {
      if (member.stops_in >= 0 && member.stops_in-- == 0) member.process.state = 'T';
    }
    std::vector<pid_t> moving;
    for (const auto& [pid, member] : members) {
      if (member.forks && member.process.state != 'T') moving.push_back(pid);
    }
    if (moving.empty()) return;
    Member member = members[moving[random_() % moving.size()]];
    bool has_children = std::ranges::any_of(members, [&](const auto& other) {
      return other.second.process.parent == member.process.pid;
    });
    unsigned what = random_() % 10;
    // Less than one fork for what the code under test does for one process, which is up to four
    // steps; else a look would never end.
    if (what < 2) fork_from(member);
    // What has children stays, because an orphan without a mark cannot be found by anyone.
    if (what == 9 && !has_children && member.process.pid >= kFirstFork) end(member.process.pid);
  }

  void end(pid_t pid) {
    members.erase(pid);
    for (auto& [other, member] : members) {
      if (member.process.parent == pid) member.process.parent = kLauncher;
    }
  }

  // How many there are of the bomb.
  size_t bomb_size() const {
    return static_cast<size_t>(
        std::ranges::count_if(members, [](const auto& m) { return m.second.forks; }));
  }

  std::optional<Process> read(pid_t pid) override {
    step();
    auto member = members.find(pid);
    if (member == members.end()) return std::nullopt;
    return member->second.process;
  }

  // As readdir of /proc: in the order of pids, and what appears behind the cursor is seen, too.
  void for_each(const std::function<void(const Process&)>& visit) override {
    pid_t last = 0;
    for (;;) {
      auto next = members.upper_bound(last);
      if (next == members.end()) return;
      last = next->first;
      Process process = next->second.process;
      step();
      visit(process);
    }
  }

  std::optional<AttemptId> marked_attempt(pid_t pid, std::string_view) override {
    step();
    auto member = members.find(pid);
    return member == members.end() ? std::nullopt : member->second.mark;
  }

  void signal(const Process& process, int signal) override {
    step();
    auto member = members.find(process.pid);
    if (member == members.end() || member->second.process.start != process.start) return;
    signals[process.pid].push_back(signal);
    if (signal == SIGSTOP) member->second.stops_in = static_cast<int>(random_() % 12);
    if (signal == SIGKILL) end(process.pid);
  }

  void pause() override {
    for (int i = 0; i < 5; ++i) step();
  }

  pid_t self() override { return kLauncher; }

  static constexpr pid_t kFirstFork = 1000;
  std::map<pid_t, Member> members;
  std::map<pid_t, std::vector<int>> signals;

 private:
  std::mt19937 random_;
  uint64_t start_ = 0;
  pid_t next_pid_ = kFirstFork;
};

// A launcher with two attempts: one is a bomb that has been lit, the other is quiet.
struct Machine {
  explicit Machine(unsigned seed) : table(seed), marks("token", children, table) {
    bomb = table.add(200, kLauncher, 200, kAttempt, true);
    quiet = table.add(300, kLauncher, 300, kOtherAttempt, false);
    table.add(301, 300, 300, kOtherAttempt, false);
    stranger = table.add(400, 1, 400, std::nullopt, false);
    children.add(bomb, kAttempt);
    children.add(quiet, kOtherAttempt);
    while (table.bomb_size() < kLit) table.step();
  }

  FakeProcesses table;
  Children children;
  Marks marks;
  pid_t bomb = 0;
  pid_t quiet = 0;
  pid_t stranger = 0;
};

}  // namespace

TEST_CASE("a tree that keeps forking cannot outrun the kill", "[process_tree]") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    Machine machine(seed);
    CHECK(machine.marks.kill({{machine.bomb, kAttempt}}));
    CHECK(machine.table.bomb_size() == 0);
  }
}

TEST_CASE("a kill touches neither other attempts nor strangers", "[process_tree]") {
  Machine machine(1);
  CHECK(machine.marks.kill({{machine.bomb, kAttempt}}));
  for (pid_t pid : {kLauncher, machine.quiet, pid_t{301}, machine.stranger}) {
    CHECK(machine.table.members.contains(pid));
    CHECK(machine.table.signals[pid].empty());
  }
}

TEST_CASE("terminate reaches each process of the attempt, and only those", "[process_tree]") {
  Machine machine(2);
  for (auto& [pid, member] : machine.table.members)
    member.process.state = 'T';  // time stands still
  size_t bomb = machine.table.bomb_size();
  machine.marks.signal({{machine.bomb, kAttempt}}, {SIGTERM, SIGCONT});
  CHECK(machine.table.signals.size() == bomb);
  for (const auto& [pid, signals] : machine.table.signals) {
    CHECK(machine.table.members[pid].forks);
    CHECK(signals == std::vector<int>{SIGTERM, SIGCONT});
  }
}

TEST_CASE("a kill that cannot keep up says so", "[process_tree]") {
  // Each look finds one more: the scan can never come to an end.
  struct Endless final : ProcessTable {
    std::optional<Process> read(pid_t) override { return std::nullopt; }
    void for_each(const std::function<void(const Process&)>& visit) override {
      ++count;
      for (pid_t pid = 1000; pid < 1000 + count; ++pid) visit({pid, 1, pid, pid, 1, 'T', false});
    }
    std::optional<AttemptId> marked_attempt(pid_t, std::string_view) override { return {}; }
    void signal(const Process&, int signal) override { killed += signal == SIGKILL; }
    void pause() override {}
    pid_t self() override { return kLauncher; }
    pid_t count = 0;
    int killed = 0;
  } table;
  KillResult result = kill_processes(
      table, [](const Process&) { return true; }, Descendants::kNo);
  CHECK_FALSE(result.finished);
  CHECK(result.killed == table.killed);
  CHECK(result.killed > 0);  // what was found is killed all the same
}
