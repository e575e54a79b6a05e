// How attempts end: by themselves, by order, and by the death of filed or of the launcher.
#include <fcntl.h>
#include <signal.h>

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

TEST_CASE("a kill that overtakes the start still kills", "[launcher]") {
  LauncherRig f;
  StartRequest attempt;
  attempt.attempt = f.next++;
  attempt.id = "x";
  attempt.text = "sleep 1000";
  attempt.shell = "/bin/sh";
  f.client->start(attempt);
  f.client->kill(attempt.attempt);
  f.client->flush();
  REQUIRE(f.wait_end(attempt.attempt));
  CHECK(f.seen[attempt.attempt].order == "sx");
  CHECK(WTERMSIG(f.seen[attempt.attempt].exit.wait_status) == SIGKILL);
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
    int other = kill_marked(f.token, {run + 1});
    int killed = kill_marked(f.token, {run});
    // They are sure to die, and take a moment for it.
    bool gone = eventually([&] { return marked_count(f.token) == 0; });
    _exit(other == 0 && killed >= 2 && gone ? 0 : 1);
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
