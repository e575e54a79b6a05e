// A launcher with real processes: a LauncherClient in this process, a launcher, and its jobs. Every
// wait is for an event or a condition, and has a bound.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/event_loop.h"
#include "catch.h"
#include "launcher/cgroup_tree.h"
#include "launcher/client.h"
#include "launcher/marks.h"
#include "launcher/process_table.h"

using namespace filed;

inline constexpr int64_t kPatienceNs = 30 * kNsPerSec;  // for a slow machine under a sanitizer

inline std::string unique_token() {
  static int count = 0;
  return "test" + std::to_string(getpid()) + "x" + std::to_string(count++) + "x" +
         std::to_string(SystemClock().wall_ns());
}

// What became of one attempt.
struct Seen {
  pid_t pid = 0;
  bool started = false;
  bool failed = false;
  bool exited = false;
  std::string output;
  StartFailure failure;
  AttemptExit exit;
  bool killed = false;
  char state = 0;     // once it does not die
  std::string order;  // s, o (once in a row), u, x, f
};

// A pipe between a test and the hook that confines a child: the hook's context is the number of its
// end.
class HookPipe {
 public:
  enum class End { kRead, kWrite };

  explicit HookPipe(End of_hook) {
    int pipe[2];
    REQUIRE(pipe2(pipe, O_CLOEXEC) == 0);
    Fd ends[2] = {Fd(pipe[0]), Fd(pipe[1])};
    int hooks = of_hook == End::kRead ? 0 : 1;
    hooks_ = std::move(ends[hooks]);
    ours = std::move(ends[1 - hooks]);
    number_ = hooks_.get();
  }

  LauncherSettings settings(ConfineHook hook) {
    LauncherSettings settings;
    settings.confine = hook;
    settings.confine_context = &number_;
    settings.confine_descriptors = {number_};
    return settings;
  }

  Fd ours;

 private:
  Fd hooks_;
  int number_ = -1;
};

// How the launcher keeps attempts together.
enum class Way { kMarks, kCgroups };

// A test that asks for it runs once for each. Where this machine permits no cgroups, all are kMarks.
inline Way each_way() { return GENERATE(Way::kMarks, Way::kCgroups); }

class LauncherRig : public LauncherEvents {
 public:
  explicit LauncherRig(LauncherSettings settings = {}, Way way = each_way()) {
    if (settings.token.empty()) settings.token = unique_token();
    if (settings.mount_dir.empty()) settings.mount_dir = "/nowhere/queue";
    token = settings.token;
    if (way == Way::kCgroups) tree = CgroupTree(find_cgroups(), token);
    if (tree) settings.cgroups = &tree;
    client = std::make_unique<LauncherClient>(settings);
    client->attach(loop, *this, [this] { gone = true; });
  }

  ~LauncherRig() override {
    shut_down();
    client.reset();
    std::vector<AttemptId> runs;
    for (AttemptId run = 1; run < next; ++run) runs.push_back(run);
    kill_marked(token, runs);
    if (tree && tree.remove() != 0) {
      tree.kill();
      SystemClock clock;
      int64_t deadline = clock.mono_ns() + kPatienceNs;
      while (tree.remove() != 0 && clock.mono_ns() < deadline) usleep(2000);
    }
  }

  // Tells the launcher to leave, and waits until it has.
  bool shut_down() {
    client->quit();
    return wait_until([&] { return gone; }, 10 * kNsPerSec) &&
           wait_until([&] { return waitpid(client->launcher_pid(), nullptr, WNOHANG) != 0; });
  }

  AttemptId start(const std::string& text,
                  const std::function<void(StartRequest&)>& change = nullptr) {
    StartRequest attempt;
    attempt.attempt = next++;
    attempt.id = "job";
    attempt.text = text;
    attempt.shell = "/bin/sh";
    attempt.uid = getuid();
    attempt.gid = getgid();
    attempt.retries = 3;
    if (change) change(attempt);
    client->start(attempt);
    client->flush();
    return attempt.attempt;
  }

  // Turns the loop until it is so. False when that takes too long.
  bool wait_until(const std::function<bool()>& done, int64_t patience_ns = kPatienceNs) {
    SystemClock clock;
    int64_t deadline = clock.mono_ns() + patience_ns;
    while (!done()) {
      if (clock.mono_ns() >= deadline) return false;
      loop.wait(std::min(deadline, clock.mono_ns() + 50 * kNsPerMs));
      client->flush();
    }
    return true;
  }

  bool wait_end(AttemptId run) {
    return wait_until([&] { return seen[run].exited || seen[run].failed; });
  }

  // Runs the text and returns what it printed; it must end with status 0.
  std::string run(const std::string& text,
                  const std::function<void(StartRequest&)>& change = nullptr) {
    AttemptId id = start(text, change);
    REQUIRE(wait_end(id));
    INFO(seen[id].failure.step << " " << seen[id].failure.error);
    REQUIRE(seen[id].exited);
    INFO(seen[id].output);
    CHECK(seen[id].exit.wait_status == 0);
    return seen[id].output;
  }

  void kill(AttemptId run) {
    client->kill(run);
    client->flush();
  }

  void started(AttemptId run, pid_t pid) override {
    seen[run].pid = pid;
    seen[run].started = true;
    seen[run].order += 's';
  }
  void start_failed(AttemptId run, const StartFailure& failure) override {
    seen[run].failed = true;
    seen[run].failure = failure;
    seen[run].order += 'f';
  }
  void output(AttemptId run, std::string_view bytes) override {
    seen[run].output += bytes;
    if (seen[run].order.empty() || seen[run].order.back() != 'o') seen[run].order += 'o';
  }
  void killed(AttemptId run) override { seen[run].killed = true; }
  void undying(AttemptId run, pid_t pid, char state) override {
    seen[run].pid = pid;
    seen[run].state = state;
    seen[run].order += 'u';
  }
  void exited(AttemptId run, const AttemptExit& exit) override {
    seen[run].exited = true;
    seen[run].exit = exit;
    seen[run].order += 'x';
  }

  EventLoop loop;
  std::string token;
  CgroupTree tree;
  std::unique_ptr<LauncherClient> client;
  std::map<AttemptId, Seen> seen;
  AttemptId next = 1;
  bool gone = false;
};

inline std::vector<Process> all_processes() {
  std::vector<Process> processes;
  LinuxProcesses().for_each([&](const Process& process) { processes.push_back(process); });
  return processes;
}

inline bool alive(pid_t pid) {
  auto process = LinuxProcesses().read(pid);
  return process && !process->dead;
}

// Living processes with the token's mark.
inline int marked_count(const std::string& token) {
  int count = 0;
  for (const Process& process : all_processes()) {
    if (!process.dead && LinuxProcesses().marked_attempt(process.pid, token)) ++count;
  }
  return count;
}

// Polls a condition that no event tells of: processes that belong to others.
inline bool eventually(const std::function<bool()>& done) {
  SystemClock clock;
  for (int64_t deadline = clock.mono_ns() + kPatienceNs; clock.mono_ns() < deadline;) {
    if (done()) return true;
    usleep(2000);
  }
  return false;
}

inline std::map<std::string, std::string> parse_env(const std::string& text) {
  std::map<std::string, std::string> env;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    size_t at = line.find('=');
    if (at != std::string::npos) env[line.substr(0, at)] = line.substr(at + 1);
  }
  return env;
}

inline bool is_root() { return geteuid() == 0; }
