// How attempts end: by themselves, by order, and by the death of filed or of the launcher.
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <cerrno>

#include "launcher/order_words.h"
#include "launcher_rig.h"

TEST_CASE("what a job leaves in its session is killed at its end", "[launcher]") {
  LauncherRig f;
  // The second one is in another process group, as a shell with job control makes them.
  AttemptId run = f.start(
      "sleep 1000 & echo $!; (sleep 1000 & echo $!)\n"
      "perl -e 'setpgrp; $| = 1; print \"$$\\n\"; sleep 1000' &\n"
      "while command -v perl > /dev/null && [ \"$(cut -d' ' -f5 /proc/$!/stat)\" = $$ ]; do :; "
      "done\n"
      "exit 3");
  REQUIRE(f.wait_end(run));
  CHECK(WEXITSTATUS(f.seen[run].exit.wait_status) == 3);
  std::istringstream pids(f.seen[run].output);
  int count = 0;
  for (pid_t pid; pids >> pid; ++count) CHECK(eventually([&] { return !alive(pid); }));
  CHECK(count >= 2);
}

TEST_CASE("what left the session outlives a normal end, but not a kill", "[launcher]") {
  LauncherRig f;
  AttemptId normal = f.start(
      "setsid sleep 1000 > /dev/null 2>&1 & echo $!; wait_for=$!; "
      "while [ \"$(cut -d' ' -f6 /proc/$wait_for/stat)\" = $$ ]; do :; done");
  REQUIRE(f.wait_end(normal));
  pid_t daemon = atoi(f.seen[normal].output.c_str());
  REQUIRE(daemon > 1);
  CHECK(alive(daemon));

  // This one is moreover an orphan of the launcher by the time of the kill.
  AttemptId killed = f.start("(setsid sleep 1000 & echo $!); exec sleep 1000");
  REQUIRE(f.wait_until([&] { return f.seen[killed].output.find('\n') != std::string::npos; }));
  pid_t orphan = atoi(f.seen[killed].output.c_str());
  REQUIRE(eventually([&] {
    auto process = LinuxProcesses().read(orphan);
    return process && process->session == orphan && process->parent == f.client->launcher_pid() &&
           LinuxProcesses().marked_attempt(orphan, f.token);
  }));
  f.kill(killed);
  REQUIRE(f.wait_end(killed));
  CHECK(WTERMSIG(f.seen[killed].exit.wait_status) == SIGKILL);
  CHECK(eventually([&] { return !alive(orphan); }));
  CHECK(alive(daemon));  // another attempt's

  // The next normal end does not touch it either.
  f.run("sleep 0 & wait");
  CHECK(alive(daemon));
  kill_marked(f.token, {normal});
  CHECK(eventually([&] { return !alive(daemon); }));
}

TEST_CASE("terminate reaches every process, and kill ends one that ignores it", "[launcher]") {
  LauncherRig f;
  AttemptId polite = f.start("trap 'echo child; exit 0' TERM; sleep 1000 & echo up; wait");
  AttemptId rude = f.start("trap '' TERM; echo up; while :; do sleep 1000; done");
  auto is_up = [&](AttemptId run) { return f.seen[run].output.find("up\n") != std::string::npos; };
  REQUIRE(f.wait_until([&] { return is_up(polite) && is_up(rude); }));
  f.client->terminate(polite);
  f.client->terminate(rude);
  f.client->flush();
  REQUIRE(f.wait_end(polite));
  CHECK(f.seen[polite].output == "up\nchild\n");
  CHECK_FALSE(f.seen[rude].exited);
  f.kill(rude);
  REQUIRE(f.wait_end(rude));
  CHECK(WTERMSIG(f.seen[rude].exit.wait_status) == SIGKILL);
  CHECK(eventually([&] { return marked_count(f.token) == 0; }));
  f.kill(rude);  // ended: no effect
  f.client->terminate(rude);
  CHECK(f.run("echo fine") == "fine\n");
}

TEST_CASE("what left the session does not outlive an attempt that was told to terminate",
          "[launcher]") {
  LauncherRig f;
  AttemptId run = f.start("(trap '' TERM; setsid sleep 1000 & echo $!); exec sleep 1000");
  REQUIRE(f.wait_until([&] { return f.seen[run].output.find('\n') != std::string::npos; }));
  pid_t orphan = atoi(f.seen[run].output.c_str());
  REQUIRE(eventually([&] {
    auto process = LinuxProcesses().read(orphan);
    return process && process->session == orphan &&
           LinuxProcesses().marked_attempt(orphan, f.token);
  }));
  f.client->terminate(run);
  f.client->flush();
  REQUIRE(f.wait_end(run));
  CHECK(eventually([&] { return !alive(orphan); }));
}

TEST_CASE("what is killed before it was started never runs, also while the launcher stands still",
          "[launcher]") {
  LauncherRig f;
  CHECK(f.run("echo fine") == "fine\n");
  char path[] = "/tmp/filed-late-XXXXXX";
  REQUIRE(mkdtemp(path) != nullptr);
  std::string touch = std::string("> ") + path + "/";
  bool stopped = GENERATE(true, false);
  if (stopped) ::kill(f.client->launcher_pid(), SIGSTOP);
  std::vector<AttemptId> runs;
  for (int i = 0; i < 20; ++i) {
    runs.push_back(f.start(touch + std::to_string(i)));
    if (stopped) f.kill(runs.back());
    if (!stopped) f.client->kill(runs.back());
  }
  AttemptId terminated = f.start(touch + "terminated");
  if (stopped) f.client->terminate(terminated);
  AttemptId other = f.start(touch + "other");
  ::kill(f.client->launcher_pid(), SIGCONT);
  REQUIRE(f.wait_end(other));
  REQUIRE(f.wait_end(terminated));
  for (AttemptId run : runs) {
    REQUIRE(f.wait_end(run));
    if (!stopped) continue;  // some may have begun
    CHECK(f.seen[run].order == "f");
    CHECK(f.seen[run].failure.step == "withdrawn");
    CHECK(f.seen[run].failure.error == ECANCELED);
  }
  CHECK((f.seen[terminated].order == "f") == stopped);
  std::string ran = f.run(std::string("ls ") + path + " | grep -c '^[0-9]' || :");
  if (stopped) CHECK(ran == "0\n");
  CHECK(f.run(std::string("rm -r ") + path) == "");
}

TEST_CASE("an order is withdrawn until the child is about to exec, and not later", "[launcher]") {
  OrderWords words;
  uint32_t number = words.open();
  OrderWord& word = words.word(number);
  SECTION("before it is taken") {
    CHECK(OrderWords::withdraw(word));
    CHECK_FALSE(OrderWords::take(word));
    CHECK(OrderWords::withdraw(word));
  }
  SECTION("before the child runs") {
    CHECK(OrderWords::take(word));
    CHECK(OrderWords::withdraw(word));
    CHECK_FALSE(OrderWords::run(word));
  }
  SECTION("not when it runs") {
    CHECK(OrderWords::take(word));
    CHECK(OrderWords::run(word));
    CHECK_FALSE(OrderWords::withdraw(word));
  }
  words.close(number);
  CHECK(words.open() == number);
  CHECK(OrderWords::take(word));
  for (uint32_t i = 1; i < OrderWords::kCount; ++i) REQUIRE(words.open() != OrderWords::kNone);
  CHECK(words.open() == OrderWords::kNone);
}

TEST_CASE("a taken order is withdrawn while its child is on its way", "[launcher]") {
  int pipe[2];
  int begun[2];
  REQUIRE(pipe2(pipe, O_CLOEXEC) == 0);
  REQUIRE(pipe2(begun, O_CLOEXEC) == 0);
  Fd gate(pipe[0]);
  Fd closed(pipe[1]);
  Fd tells(begun[1]);
  Fd told(begun[0]);
  struct Gate {
    int wait, tell;
  } both{gate.get(), tells.get()};
  LauncherSettings settings;
  settings.confine = [](void* context, const char**) noexcept {
    char byte = 0;
    syscall(SYS_write, static_cast<Gate*>(context)->tell, &byte, 1);
    syscall(SYS_read, static_cast<Gate*>(context)->wait, &byte, 1);
    return 0;
  };
  settings.confine_context = &both;
  settings.confine_descriptors = {both.wait, both.tell};
  LauncherRig f(settings);
  AttemptId run = f.start("echo late");
  char byte;
  REQUIRE(read(told.get(), &byte, 1) == 1);
  ::kill(f.client->launcher_pid(), SIGSTOP);
  f.kill(run);
  closed.reset();  // the child goes on, and sees that it is not wanted
  usleep(100'000);
  ::kill(f.client->launcher_pid(), SIGCONT);
  REQUIRE(f.wait_end(run));
  CHECK(f.seen[run].output.empty());
  CHECK(f.seen[run].order == "f");
}

TEST_CASE("filed kills an attempt's cgroup itself while the launcher stands still", "[launcher]") {
  LauncherRig f({}, Way::kCgroups);
  if (!f.tree) return;
  AttemptId first = f.start("trap '' TERM; sleep 1000 & sleep 1000");
  REQUIRE(f.wait_until([&] { return f.seen[first].started; }));
  ::kill(f.client->launcher_pid(), SIGSTOP);
  CHECK(f.client->kill_soon(first));
  CHECK(f.client->kill_soon(first));  // twice is no harm
  CHECK(f.wait_until([&] {
    auto leader = LinuxProcesses().read(f.seen[first].pid);
    return !leader || leader->state == 'Z';
  }));
  ::kill(f.client->launcher_pid(), SIGCONT);
  f.client->flush();
  REQUIRE(f.wait_end(first));
  CHECK(WTERMSIG(f.seen[first].exit.wait_status) == SIGKILL);
  // What was killed gets no further attempt: a process would die at its birth.
  for (int i = 0; i < 5; ++i) CHECK(f.run("echo on") == "on\n");
}

TEST_CASE("a group that filed has killed is not used again, though the leader ended by itself",
          "[launcher]") {
  LauncherRig f({}, Way::kCgroups);
  if (!f.tree) return;
  for (int i = 0; i < 200; ++i) {
    AttemptId run = f.start("exit 0");
    REQUIRE(f.wait_until([&] { return f.seen[run].started || f.seen[run].exited; }));
    if (i % 3 != 0) usleep(static_cast<useconds_t>(i % 7) * 200);
    f.client->kill_soon(run);
    f.client->flush();
    REQUIRE(f.wait_end(run));
    CHECK(f.run("echo on") == "on\n");
  }
}

// process_tree_test.cc tries hard; this one shows that it works with real processes.
TEST_CASE("a fork bomb cannot outrun the kill", "[launcher]") {
  LauncherRig f;
  // Eight loops that fork as fast as they can. Each ends by itself after some time, in case the
  // test is killed.
  AttemptId run = f.start(
      "n=0; while [ $n -lt 8 ]; do n=$((n+1))\n"
      "  (i=0; while [ $((i=i+1)) -lt 20000 ]; do (:) & (setsid true) & wait; done) &\n"
      "done; echo lit; wait");
  REQUIRE(f.wait_until([&] { return f.seen[run].output.find("lit") != std::string::npos; }));
  f.kill(run);
  REQUIRE(f.wait_end(run));
  CHECK(WTERMSIG(f.seen[run].exit.wait_status) == SIGKILL);
  CHECK(eventually([&] { return marked_count(f.token) == 0; }));
}

TEST_CASE("300 attempts run at once and die at once", "[launcher]") {
  LauncherRig f;
  std::vector<AttemptId> runs;
  for (int i = 0; i < 300; ++i) {
    StartRequest attempt;
    attempt.attempt = f.next++;
    attempt.id = std::to_string(i);
    attempt.text = "exec sleep 1000";
    attempt.shell = "/bin/sh";
    f.client->start(attempt);
    runs.push_back(attempt.attempt);
  }
  f.client->flush();
  REQUIRE(f.wait_until([&] {
    return std::all_of(runs.begin(), runs.end(), [&](AttemptId r) { return f.seen[r].started; });
  }));
  for (AttemptId run : runs) f.client->kill(run);
  f.client->flush();
  REQUIRE(f.wait_until([&] {
    return std::all_of(runs.begin(), runs.end(), [&](AttemptId r) { return f.seen[r].exited; });
  }));
  CHECK(marked_count(f.token) == 0);
}

TEST_CASE("a fork bomb at its user's limit cannot outrun the kill", "[launcher]") {
  if (!is_root()) return;
  LauncherSettings settings;
  settings.as_owner = true;
  settings.limits.processes = 60;
  LauncherRig f(settings);
  auto as_other = [](StartRequest& a) { a.uid = a.gid = 54324; };
  // It forks without end; its members come and go, become orphans and leave their sessions.
  AttemptId run = f.start(
      "command -v perl > /dev/null || { echo none; exit; }\n"
      "exec perl -MPOSIX -e '$main = $$; while (1) { fork; next if $$ == $main; "
      "POSIX::setsid() if rand() < 0.1; exit if rand() < 0.05; }'",
      as_other);
  REQUIRE(f.wait_until([&] { return f.seen[run].started; }));
  auto is_lit = [&] { return marked_count(f.token) > 10; };
  REQUIRE(eventually([&] {
    f.loop.wait(0);
    return is_lit() || f.seen[run].exited;
  }));
  if (f.seen[run].exited) return;  // no perl
  f.kill(run);
  REQUIRE(f.wait_end(run));
  CHECK(WTERMSIG(f.seen[run].exit.wait_status) == SIGKILL);
  CHECK(eventually([&] { return marked_count(f.token) == 0; }));
}

TEST_CASE("when the launcher dies filed is told, and can kill all jobs", "[launcher]") {
  LauncherRig f;
  AttemptId plain = f.start("sleep 1000 & echo up; sleep 1000");
  AttemptId hidden =
      f.start("(setsid sleep 1000 &); (env -i setsid sleep 1000 &) ; echo up; sleep 1000");
  auto is_up = [&](AttemptId run) { return f.seen[run].output.find("up") != std::string::npos; };
  REQUIRE(f.wait_until([&] { return is_up(plain) && is_up(hidden); }));
  ::kill(f.client->launcher_pid(), SIGKILL);
  REQUIRE(f.wait_until([&] { return f.gone; }));
  CHECK(f.client->kill_everything(10'000) == 0);
  CHECK(marked_count(f.token) == 0);
  for (const Process& process : all_processes()) {
    CHECK((process.parent != getpid() || process.dead));
  }
  f.start("echo never");  // no effect, no crash
  f.client->kill(plain);
}

TEST_CASE("when filed dies the launcher kills all jobs and leaves", "[launcher]") {
  std::string token = unique_token();
  int ready[2];
  REQUIRE(pipe2(ready, O_CLOEXEC) == 0);
  // We are a subreaper: what of this is left comes to us, and is seen below.
  pid_t daemon = fork();
  REQUIRE(daemon >= 0);
  if (daemon == 0) {
    LauncherSettings settings;
    settings.token = token;
    auto* f = new LauncherRig(settings);
    AttemptId a = f->start("sleep 1000 & echo up; sleep 1000");
    AttemptId b = f->start("(setsid sleep 1000 &) ; trap '' TERM HUP; echo up; sleep 1000");
    if (!f->wait_until([&] { return !f->seen[a].output.empty() && !f->seen[b].output.empty(); })) {
      _exit(1);
    }
    pid_t launcher = f->client->launcher_pid();
    if (write(ready[1], &launcher, sizeof launcher) < 0) _exit(1);
    for (;;) pause();
  }
  close(ready[1]);
  pid_t launcher = 0;
  REQUIRE(read(ready[0], &launcher, sizeof launcher) == sizeof launcher);
  CHECK(marked_count(token) >= 4);
  ::kill(daemon, SIGKILL);
  waitpid(daemon, nullptr, 0);
  CHECK(eventually([&] { return !alive(launcher); }));
  CHECK(eventually([&] { return marked_count(token) == 0; }));
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  close(ready[0]);
}

TEST_CASE("when both die at once the next start finds what is left", "[launcher]") {
  LauncherRig f({}, Way::kMarks);
  AttemptId run =
      f.start("(trap '' HUP; setsid sleep 1000 &); (sleep 1000 &); echo up; sleep 1000");
  REQUIRE(f.wait_until([&] { return f.seen[run].output.find("up") != std::string::npos; }));
  pid_t main = f.seen[run].pid;
  ::kill(f.client->launcher_pid(), SIGKILL);
  REQUIRE(f.wait_until([&] { return f.gone; }));
  CHECK(eventually([&] { return !alive(main); }));  // by its parent-death signal
  // As the next filed: the orphans are not its children. A fork of ours stands for it.
  pid_t next = fork();
  REQUIRE(next >= 0);
  if (next == 0) {
    bool found = !find_marked(f.token, {run + 1, run}).empty();
    for (const AttemptProcess& process : find_marked(f.token, {run + 1, run})) {
      found = found && process.attempt == run;
    }
    int other = kill_marked(f.token, {run + 1});
    int killed = kill_marked(f.token, {run});
    // They are sure to die, and take a moment for it.
    bool gone = eventually([&] { return marked_count(f.token) == 0; });
    _exit(found && other == 0 && killed >= 2 && gone ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(next, &status, 0) == next);
  CHECK(status == 0);
  CHECK(eventually([&] { return marked_count(f.token) == 0; }));
}

TEST_CASE("quit ends jobs and launcher", "[launcher]") {
  LauncherRig f;
  AttemptId run = f.start("trap '' TERM; echo up; while :; do sleep 1000; done");
  REQUIRE(f.wait_until([&] { return !f.seen[run].output.empty(); }));
  pid_t launcher = f.client->launcher_pid();
  CHECK(f.shut_down());
  CHECK_FALSE(alive(launcher));
  CHECK(marked_count(f.token) == 0);
}

TEST_CASE("the launcher is in a session of its own, deaf to the signals of a terminal",
          "[launcher]") {
  LauncherRig f;
  CHECK(f.run("echo fine") == "fine\n");
  auto launcher = LinuxProcesses().read(f.client->launcher_pid());
  REQUIRE(launcher);
  CHECK(launcher->session == launcher->pid);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTOU, SIGUSR1}) {
    ::kill(launcher->pid, signal);
  }
  CHECK(f.run("echo fine") == "fine\n");
}

namespace {

// Traces a process, so that it does not die before this object does.
class Holder {
 public:
  explicit Holder(pid_t pid) {
    tracer_ = fork();
    if (tracer_ == 0) {
      long error = ptrace(PTRACE_SEIZE, pid, nullptr, long{PTRACE_O_TRACEEXIT});
      kill(getpid(), error == 0 ? SIGSTOP : SIGKILL);
      for (;;) pause();
    }
    int status = 0;
    holds_ = waitpid(tracer_, &status, WUNTRACED) == tracer_ && WIFSTOPPED(status);
  }
  ~Holder() {
    ::kill(tracer_, SIGKILL);
    waitpid(tracer_, nullptr, 0);
  }
  bool holds() const { return holds_; }

 private:
  pid_t tracer_ = 0;
  bool holds_ = false;
};

}  // namespace

TEST_CASE("of a killed process that does not die filed is told, and of its end later",
          "[launcher]") {
  LauncherRig f;
  AttemptId run = f.start("echo up; exec sleep 1000");
  REQUIRE(f.wait_until([&] { return f.seen[run].output == "up\n"; }));
  pid_t pid = f.seen[run].pid;
  {
    Holder holder(pid);
    REQUIRE(holder.holds());
    f.kill(run);
    REQUIRE(f.wait_until([&] { return f.seen[run].state != 0; }));
    CHECK(f.seen[run].order == "sou");
    CHECK(f.seen[run].pid == pid);
    CHECK(f.seen[run].state == 't');
    CHECK(f.run("echo fine") == "fine\n");
    f.kill(run);  // no use, and no harm
    CHECK(f.run("echo fine") == "fine\n");
    CHECK_FALSE(f.seen[run].exited);
  }
  REQUIRE(f.wait_end(run));
  CHECK(WTERMSIG(f.seen[run].exit.wait_status) == SIGKILL);
}

TEST_CASE("a launcher leaves though a killed process does not die", "[launcher]") {
  LauncherRig f;
  AttemptId run = f.start("echo up; exec sleep 1000");
  REQUIRE(f.wait_until([&] { return f.seen[run].output == "up\n"; }));
  Holder holder(f.seen[run].pid);
  REQUIRE(holder.holds());
  CHECK(f.shut_down());
}

namespace {

int confine_until_killed(void* context, const char**) noexcept {
  auto pid = static_cast<pid_t>(syscall(SYS_getpid));
  syscall(SYS_write, *static_cast<int*>(context), &pid, sizeof pid);
  for (;;) syscall(SYS_pause);
}

}  // namespace

TEST_CASE("a start that is given up has failed when its child is dead, and not before",
          "[launcher][slow]") {
  if (!is_root()) return;  // a child before its exec cannot be traced by its user
  HookPipe told(HookPipe::End::kWrite);
  LauncherRig f(told.settings(confine_until_killed));
  AttemptId run = f.start("echo never");
  pid_t pid = 0;
  REQUIRE(read(told.ours.get(), &pid, sizeof pid) == sizeof pid);
  {
    Holder holder(pid);
    REQUIRE(holder.holds());
    REQUIRE(f.wait_until([&] { return f.seen[run].state != 0; }));
    CHECK(f.seen[run].order == "u");
    CHECK(f.seen[run].pid == pid);
  }
  REQUIRE(f.wait_end(run));
  CHECK(f.seen[run].order == "uf");
  CHECK(f.seen[run].failure.error == ETIMEDOUT);
}
