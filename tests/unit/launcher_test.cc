// The launcher with real processes: a LauncherClient in this process, a launcher, and jobs. Those
// that need root are left out without it. Every wait is for an event, and bounded.
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/event_loop.h"
#include "catch.h"
#include "launcher/client.h"
#include "launcher/environment.h"
#include "launcher/process_tree.h"
#include "launcher/protocol.h"

using namespace filed;

namespace {

constexpr int64_t kPatienceNs = 30 * kNsPerSec;  // for a slow machine under a sanitizer

std::string unique_token() {
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
  std::string order;  // s, o (once in a row), x, f
};

class Fixture : public LauncherEvents {
 public:
  explicit Fixture(LauncherSettings settings = {}) {
    if (settings.token.empty()) settings.token = unique_token();
    if (settings.mount_dir.empty()) settings.mount_dir = "/nowhere/queue";
    token = settings.token;
    client = std::make_unique<LauncherClient>(settings);
    client->attach(loop, *this, [this] { gone = true; });
  }

  ~Fixture() override {
    shut_down();
    client.reset();
    std::vector<AttemptId> runs;
    for (AttemptId run = 1; run < next; ++run) runs.push_back(run);
    kill_marked(token, runs);
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
    INFO(seen[id].failure.stage << " " << seen[id].failure.error);
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
  void exited(AttemptId run, const AttemptExit& exit) override {
    seen[run].exited = true;
    seen[run].exit = exit;
    seen[run].order += 'x';
  }

  EventLoop loop;
  std::string token;
  std::unique_ptr<LauncherClient> client;
  std::map<AttemptId, Seen> seen;
  AttemptId next = 1;
  bool gone = false;
};

std::vector<Process> all_processes() {
  std::vector<Process> processes;
  LinuxProcesses().for_each([&](const Process& process) { processes.push_back(process); });
  return processes;
}

bool alive(pid_t pid) {
  auto process = LinuxProcesses().read(pid);
  return process && !process->dead;
}

// Living processes with the token's mark.
int marked_count(const std::string& token) {
  int count = 0;
  for (const Process& process : all_processes()) {
    if (!process.dead && LinuxProcesses().marked_attempt(process.pid, token)) ++count;
  }
  return count;
}

// Polls a condition that no event tells of: processes that belong to others.
bool eventually(const std::function<bool()>& done) {
  SystemClock clock;
  for (int64_t deadline = clock.mono_ns() + kPatienceNs; clock.mono_ns() < deadline;) {
    if (done()) return true;
    usleep(2000);
  }
  return false;
}

std::map<std::string, std::string> parse_env(const std::string& text) {
  std::map<std::string, std::string> env;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    size_t at = line.find('=');
    if (at != std::string::npos) env[line.substr(0, at)] = line.substr(at + 1);
  }
  return env;
}

}  // namespace

// ---- messages

TEST_CASE("every message comes out of decode as it went into encode", "[launcher]") {
  LimitSettings limits;
  limits.memory = 1 << 30;
  limits.nice = -5;
  std::string configure =
      encode(ConfigureMessage{limit_values(limits), {{"A", "1"}, {"B", ""}}});
  auto decoded = decode(configure);
  REQUIRE(decoded);
  auto* c = std::get_if<ConfigureMessage>(&*decoded);
  REQUIRE(c != nullptr);
  REQUIRE(c->limits.size() == 2);
  CHECK(c->limits[0].name == "memory");
  CHECK(c->limits[0].value == 1 << 30);
  CHECK(c->limits[1].name == "nice");
  CHECK(c->limits[1].value == -5);
  REQUIRE(c->env.size() == 2);
  CHECK(c->env[1].first == "B");

  std::string start =
      encode(StartMessage{7, 1000, 1001, 2, 3, TextKind::kArgument, "id", "/bin/sh", "echo"});
  decoded = decode(start);
  REQUIRE(decoded);
  auto* s = std::get_if<StartMessage>(&*decoded);
  REQUIRE(s != nullptr);
  CHECK(s->attempt == 7);
  CHECK(s->uid == 1000);
  CHECK(s->gid == 1001);
  CHECK(s->text == "echo");

  std::string exited = encode(ExitedMessage{9, {0x100, 12345, 678}});
  decoded = decode(exited);
  REQUIRE(decoded);
  auto* e = std::get_if<ExitedMessage>(&*decoded);
  REQUIRE(e != nullptr);
  CHECK(e->exit.wait_status == 0x100);
  CHECK(e->exit.cpu_us == 12345);

  std::string failed = encode(StartFailedMessage{9, "exec /bin/sh", ENOENT, Fault::kOwner});
  decoded = decode(failed);
  REQUIRE(decoded);
  auto* f = std::get_if<StartFailedMessage>(&*decoded);
  REQUIRE(f != nullptr);
  CHECK(f->step == "exec /bin/sh");
  CHECK(f->fault == Fault::kOwner);

  for (const Message& message :
       {Message(TerminateMessage{1}), Message(KillMessage{2}), Message(MountedMessage{}),
        Message(QuitMessage{}), Message(StartedMessage{3, 4})}) {
    decoded = decode(encode(message));
    REQUIRE(decoded);
    CHECK(decoded->index() == message.index());
  }
}

TEST_CASE("decode refuses what is cut, too long, or forbidden", "[launcher]") {
  std::vector<std::string> packets = {
      encode(StartMessage{7, 1, 2, 2, 3, TextKind::kArgument, "id", "/bin/sh", "echo"}),
      encode(ConfigureMessage{{}, {{"A", "1"}}}),
      encode(KillMessage{2}),
      encode(StartedMessage{3, 4}),
      encode(StartFailedMessage{9, "exec", 2}),
      encode(ExitedMessage{}),
  };
  for (const std::string& packet : packets) {
    REQUIRE(decode(packet));
    for (size_t size = 0; size < packet.size(); ++size) CHECK_FALSE(decode(packet.substr(0, size)));
    CHECK_FALSE(decode(packet + 'x'));
  }
  CHECK_FALSE(decode(""));
  CHECK_FALSE(decode(std::string(kMaxMessage + 1, '\1')));
  using namespace std::string_literals;
  CHECK_FALSE(
      decode(encode(StartMessage{7, 1, 2, 2, 3, TextKind::kArgument, "id", "/bin/sh", "a\0b"s})));
  CHECK_FALSE(
      decode(encode(StartMessage{7, 1, 2, 2, 3, TextKind::kScript, "id", "/bin/sh", "text"})));
  CHECK_FALSE(decode(encode(StartMessage{7, 1, 2, 2, 3, TextKind{9}, "id", "/bin/sh", ""})));
  CHECK_FALSE(decode(encode(
      StartMessage{7, 1, 2, 2, 3, TextKind::kArgument, std::string(256, 'i'), "/bin/sh", ""})));
  CHECK_FALSE(decode(encode(StartMessage{7, 1, 2, 2, 3, TextKind::kArgument, "i", "", ""})));
  CHECK_FALSE(decode(encode(ConfigureMessage{{}, {{"A=", "1"}}})));
  CHECK_FALSE(decode(encode(StartedMessage{3, 0})));
  CHECK(encode(StartMessage{7, 1, 2, 2, 3, TextKind::kArgument, "i", "/bin/sh",
                            std::string(kMaxMessage, 'x')})
            .empty());
  CHECK(decode(encode(StartMessage{7, 1, 2, 2, 3, TextKind::kArgument, std::string(255, 'i'),
                                   "/bin/sh", std::string(kMaxTextArgument, 'x')})));
}

TEST_CASE("decode survives noise", "[launcher]") {
  std::mt19937 random(42);
  std::string base = encode(ConfigureMessage{{}, {{"NAME", "value"}, {"B", "2"}}});
  for (int i = 0; i < 20000; ++i) {
    std::string packet(random() % 64, '\0');
    for (char& c : packet) c = static_cast<char>(random());
    if (!packet.empty()) packet[0] = static_cast<char>(random() % 11);
    decode(packet);
    packet = base;
    for (int n = 0; n < 3; ++n) packet[random() % packet.size()] = static_cast<char>(random());
    decode(packet);
  }
  SUCCEED();
}

// ---- what a job sees

TEST_CASE("stdout and stderr arrive in order, between started and exited", "[launcher]") {
  Fixture f;
  AttemptId run = f.start("echo one; echo two >&2; echo three; exec 1>&-; echo four >&2");
  REQUIRE(f.wait_end(run));
  CHECK(f.seen[run].output == "one\ntwo\nthree\nfour\n");
  CHECK(f.seen[run].order == "sox");
  CHECK(f.seen[run].exit.wait_status == 0);
}

TEST_CASE("exit status and signal are told as wait gives them", "[launcher]") {
  Fixture f;
  AttemptId status = f.start("exit 7");
  AttemptId signal = f.start("kill -SEGV $$");
  REQUIRE(f.wait_end(status));
  REQUIRE(f.wait_end(signal));
  REQUIRE(WIFEXITED(f.seen[status].exit.wait_status));
  CHECK(WEXITSTATUS(f.seen[status].exit.wait_status) == 7);
  REQUIRE(WIFSIGNALED(f.seen[signal].exit.wait_status));
  CHECK(WTERMSIG(f.seen[signal].exit.wait_status) == SIGSEGV);
}

TEST_CASE("CPU time and memory are told", "[launcher]") {
  Fixture f;
  AttemptId run = f.start("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done");
  REQUIRE(f.wait_end(run));
  CHECK(f.seen[run].exit.cpu_us > 1000);
  CHECK(f.seen[run].exit.maxrss_kb > 100);
}

TEST_CASE("the environment is exactly what is promised", "[launcher]") {
  LauncherSettings settings;
  settings.mount_dir = "/some/queue";
  settings.env = {{"COLOUR", "green"}, {"FILED_ID", "forged"}, {"LANG", "C"}, {"COLOUR", "blue"}};
  setenv("SECRET_OF_THE_DAEMON", "x", 1);
  Fixture f(settings);
  unsetenv("SECRET_OF_THE_DAEMON");
  AttemptId run = f.start("exec env", [](StartRequest& a) {
    a.id = "a b'c";
    a.number = 2;
    a.retries = 5;
  });
  REQUIRE(f.wait_end(run));
  auto env = parse_env(f.seen[run].output);
  // Which the shell sets for itself.
  for (const char* name : {"PWD", "OLDPWD", "SHLVL", "_"}) env.erase(name);
  UserCache users;
  User me = users.find(getuid());
  std::map<std::string, std::string> expected = {
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"HOME", me.home},
      {"USER", me.name},
      {"LOGNAME", me.name},
      {"SHELL", "/bin/sh"},
      {"FILED_ID", "a b'c"},
      {"FILED_ATTEMPT", "2"},
      {"FILED_RETRIES", "5"},
      {"FILED_MOUNT", "/some/queue"},
      {"FILED_RUN", f.token + "." + std::to_string(run)},
      {"COLOUR", "blue"},
      {"LANG", "C"},
  };
  CHECK(env == expected);
}

TEST_CASE("configure changes the environment of later attempts; HOME of [env] is where they start",
          "[launcher]") {
  Fixture f;
  CHECK(f.client->configure({}, {{"HOME", "/usr"}, {"PATH", "/bin:/usr/bin"}, {"X", "1"}}) == 0);
  CHECK(f.run("echo $HOME $PATH $X; pwd") == "/usr /bin:/usr/bin 1\n/usr\n");
  CHECK(f.client->configure({}, {{"X", std::string(kMaxMessage, 'x')}}) == E2BIG);
  CHECK(f.client->configure({}, {{"A=B", "x"}}) == EINVAL);
  CHECK(f.run("echo $X") == "1\n");
}

TEST_CASE("a job has descriptors 0 to 2 only, stdin empty", "[launcher]") {
  Fd inherited(open("/etc/hostname", O_RDONLY));  // not close-on-exec, on purpose
  Fixture f;
  Fd later(open("/", O_RDONLY));
  // ls itself has one for the directory it lists.
  CHECK(f.run("exec ls -1 /proc/self/fd") == "0\n1\n2\n3\n");
  CHECK(f.run("readlink /proc/self/fd/0; cat; [ /proc/$$/fd/1 -ef /proc/$$/fd/2 ] && echo same") ==
        "/dev/null\nsame\n");
}

TEST_CASE(
    "a job has umask 022, its home as directory, a session of its own, no signal blocked or "
    "ignored",
    "[launcher]") {
  mode_t old = umask(0);
  signal(SIGPIPE, SIG_IGN);
  Fixture f;
  signal(SIGPIPE, SIG_DFL);
  umask(old);
  CHECK(f.run("umask") == "0022\n");
  UserCache users;
  std::string home = users.find(getuid()).home;
  if (access(home.c_str(), X_OK) != 0) home = "/";
  CHECK(f.run("pwd") == home + "\n");
  AttemptId run = f.start(
      "cut -d' ' -f1,4,5,6,7 /proc/$$/stat; grep -E '^(SigBlk|SigIgn|NoNewPrivs)' "
      "/proc/self/status");
  REQUIRE(f.wait_end(run));
  std::string pid = std::to_string(f.seen[run].pid);
  CHECK(f.seen[run].output ==
        pid + " " + std::to_string(f.client->launcher_pid()) + " " + pid + " " + pid +
            " 0\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nNoNewPrivs:\t1\n");
}

TEST_CASE("limits and nice hold in a job", "[launcher]") {
  LauncherSettings settings;
  settings.limits.files = 50;
  settings.limits.file_size = 512 * 1000;
  settings.limits.cpu_s = 100;
  settings.limits.nice = 7;
  Fixture f(settings);
  CHECK(f.run("ulimit -n; ulimit -f; ulimit -t; cut -d' ' -f19 /proc/self/stat") ==
        "50\n1000\n100\n7\n");
  LimitSettings limits;
  limits.cpu_s = 1;
  f.client->configure(limits, {});
  AttemptId run = f.start("while :; do :; done");
  REQUIRE(f.wait_end(run));
  REQUIRE(WIFSIGNALED(f.seen[run].exit.wait_status));
  CHECK(WTERMSIG(f.seen[run].exit.wait_status) == SIGXCPU);
}

// ---- texts

TEST_CASE("a text that begins with #! is run as a script, with only its text as descriptor 3",
          "[launcher]") {
  Fixture f;
  CHECK(f.run("#!/bin/sh\necho script; readlink /proc/self/fd/3 | cut -c1-16") ==
        "script\n/memfd:filed-job\n");
  CHECK(f.run("#!/bin/cat\nhello\n") == "#!/bin/cat\nhello\n");
  // Sealed: nobody changes it while it runs.
  CHECK(f.run("#!/bin/sh\n( echo x >> /proc/self/fd/3 ) 2>/dev/null || echo refused") ==
        "refused\n");
}

TEST_CASE("a script whose interpreter is missing fails to start, and says which", "[launcher]") {
  Fixture f;
  AttemptId run = f.start("#! /no/such/interpreter -x\necho");
  REQUIRE(f.wait_end(run));
  REQUIRE(f.seen[run].failed);
  CHECK(f.seen[run].failure.stage == "exec /no/such/interpreter");
  CHECK(f.seen[run].failure.error == ENOENT);
  CHECK(f.seen[run].failure.fault == Fault::kJob);
  CHECK(f.seen[run].order == "f");
}

TEST_CASE("a program that is open for writing is its user's fault, a shell the machine's",
          "[launcher]") {
  Fixture f;
  char path[] = "/tmp/filed-program-XXXXXX";
  Fd program(mkostemp(path, O_CLOEXEC));
  REQUIRE(program);
  REQUIRE(fchmod(program.get(), 0755) == 0);
  AttemptId script = f.start(std::string("#!") + path + "\n");
  AttemptId shell = f.start("echo", [&](StartRequest& a) { a.shell = path; });
  REQUIRE(f.wait_end(script));
  REQUIRE(f.wait_end(shell));
  unlink(path);
  CHECK(f.seen[script].failure.stage == std::string("exec ") + path);
  CHECK(f.seen[script].failure.error == ETXTBSY);
  CHECK(f.seen[script].failure.fault == Fault::kJob);
  CHECK(f.seen[shell].failure.error == ETXTBSY);
  CHECK(f.seen[shell].failure.fault == Fault::kMachine);
}

TEST_CASE("a shell that cannot be executed fails the start, and says why", "[launcher]") {
  Fixture f;
  AttemptId missing = f.start("echo", [](StartRequest& a) { a.shell = "/no/such/shell"; });
  AttemptId forbidden = f.start("echo", [](StartRequest& a) { a.shell = "/etc/passwd"; });
  REQUIRE(f.wait_end(missing));
  REQUIRE(f.wait_end(forbidden));
  CHECK(f.seen[missing].failure.stage == "exec /no/such/shell");
  CHECK(f.seen[missing].failure.error == ENOENT);
  CHECK(f.seen[forbidden].failure.error == EACCES);
  CHECK(f.seen[forbidden].failure.fault == Fault::kJob);
  CHECK(f.run("echo fine") == "fine\n");
}

TEST_CASE("texts of every length run", "[launcher]") {
  Fixture f;
  for (size_t size : {size_t{100}, kMaxTextArgument - 1, kMaxTextArgument, kMaxTextArgument + 1,
                      size_t{200} * 1024, size_t{1} << 20}) {
    std::string text = "echo begin\n";
    while (text.size() + 80 < size) text += "# " + std::string(60, '.') + "\n";
    text += std::string(size - 9 - text.size(), '#') + "\necho end";
    REQUIRE(text.size() == size);
    CHECK(f.run(text) == "begin\nend\n");
  }
}

TEST_CASE("a text that begins like an option is still a text", "[launcher]") {
  Fixture f;
  AttemptId run = f.start("-no-such-command || echo went on");
  REQUIRE(f.wait_end(run));
  CHECK(f.seen[run].output.find("-no-such-command") != std::string::npos);
  CHECK(f.seen[run].output.find("went on\n") != std::string::npos);
}

TEST_CASE("a text or an id that cannot be passed on fails that start only", "[launcher]") {
  Fixture f;
  AttemptId nul = f.start(std::string("echo\0x", 6));
  AttemptId id = f.start("echo", [](StartRequest& a) { a.id = std::string(300, 'x'); });
  CHECK_FALSE(f.seen[nul].failed);  // never from within start()
  REQUIRE(f.wait_end(nul));
  REQUIRE(f.wait_end(id));
  CHECK(f.seen[nul].failure.error == EINVAL);
  CHECK(f.seen[id].failure.error == EINVAL);
  CHECK(f.run("echo fine") == "fine\n");
}

// ---- ends

TEST_CASE("what a job leaves in its session is killed at its end", "[launcher]") {
  Fixture f;
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
  Fixture f;
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

TEST_CASE("terminate reaches every process; who ignores it is killed by kill", "[launcher]") {
  Fixture f;
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
  Fixture f;
  AttemptId run = f.start("(trap '' TERM; setsid sleep 1000 & echo $!); exec sleep 1000");
  REQUIRE(f.wait_until([&] { return f.seen[run].output.find('\n') != std::string::npos; }));
  pid_t orphan = atoi(f.seen[run].output.c_str());
  REQUIRE(eventually([&] {
    auto process = LinuxProcesses().read(orphan);
    return process && process->session == orphan && LinuxProcesses().marked_attempt(orphan, f.token);
  }));
  f.client->terminate(run);
  f.client->flush();
  REQUIRE(f.wait_end(run));
  CHECK(eventually([&] { return !alive(orphan); }));
}

TEST_CASE("a kill that overtakes the start still kills", "[launcher]") {
  Fixture f;
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

TEST_CASE("a fork bomb cannot outrun the kill", "[launcher]") {
  LauncherSettings settings;
  rlimit processes{};
  getrlimit(RLIMIT_NPROC, &processes);
  Fixture f(settings);
  // Bounded by time: the bomb's processes end by themselves after some seconds.
  AttemptId run = f.start(
      "end=$(($(date +%s) + 25))\n"
      "bomb() { [ $(date +%s) -lt $end ] && { (bomb) & (bomb) & }; }\n"
      "n=0; while [ $n -lt 20 ]; do (while [ $(date +%s) -lt $end ]; do (:) & (sleep 0.01; :) & "
      "[ $((i=i+1)) -gt 40 ] && { wait; i=0; }; done) & n=$((n+1)); done; echo lit; wait");
  REQUIRE(f.wait_until([&] { return f.seen[run].output.find("lit") != std::string::npos; }));
  REQUIRE(eventually([&] { return marked_count(f.token) > 40; }));
  f.kill(run);
  REQUIRE(f.wait_end(run));
  CHECK(WTERMSIG(f.seen[run].exit.wait_status) == SIGKILL);
  CHECK(eventually([&] { return marked_count(f.token) == 0; }));
}

TEST_CASE("300 attempts run at once and die at once", "[launcher]") {
  Fixture f;
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

TEST_CASE("more messages than the socket holds arrive all the same", "[launcher]") {
  Fixture f;
  std::string text = "echo ok #" + std::string(100'000, 'x');
  std::vector<AttemptId> runs;
  for (int i = 0; i < 60; ++i) {
    StartRequest attempt;
    attempt.attempt = f.next++;
    attempt.id = "x";
    attempt.text = text;
    attempt.shell = "/bin/sh";
    f.client->start(attempt);
    runs.push_back(attempt.attempt);
  }
  f.client->flush();
  for (AttemptId run : runs) {
    REQUIRE(f.wait_end(run));
    CHECK(f.seen[run].output == "ok\n");
  }
}

// ---- output

TEST_CASE("much output of several attempts arrives whole", "[launcher]") {
  Fixture f;
  std::string text = "head -c 3000000 /dev/zero | tr '\\0' x";
  AttemptId a = f.start(text);
  AttemptId b = f.start(text);
  REQUIRE(f.wait_end(a));
  REQUIRE(f.wait_end(b));
  CHECK(f.seen[a].output == std::string(3000000, 'x'));
  CHECK(f.seen[b].output.size() == 3000000);
}

TEST_CASE("held output blocks its writer, and flows on when released", "[launcher]") {
  Fixture f;
  AttemptId run = f.start("echo first; head -c 1000000 /dev/zero; echo last");
  f.client->hold_output(run, true);
  REQUIRE(f.wait_until([&] { return f.seen[run].started; }));
  // The writer is head: it waits in pipe_write when the pipe is full.
  REQUIRE(eventually([&] {
    f.loop.wait(0);
    for (const Process& process : all_processes()) {
      if (process.session == f.seen[run].pid && process.pid != process.session &&
          process.state == 'S') {
        return true;
      }
    }
    return false;
  }));
  CHECK(f.seen[run].output.empty());
  CHECK_FALSE(f.seen[run].exited);
  f.client->hold_output(run, false);
  REQUIRE(f.wait_end(run));
  CHECK(f.seen[run].output.size() == 1000000 + 11);
  CHECK(f.seen[run].order == "sox");
}

TEST_CASE("an end is told though somebody who left the session keeps the pipe open", "[launcher]") {
  Fixture f;
  AttemptId run = f.start(
      "setsid sh -c 'trap \"\" PIPE; echo daemon; exec sleep 1000' & read x < /dev/null; "
      "while [ \"$(cut -d' ' -f6 /proc/$!/stat)\" = $$ ]; do :; done; echo main");
  REQUIRE(f.wait_end(run));
  CHECK(f.seen[run].output.find("main\n") != std::string::npos);
  CHECK(kill_marked(f.token, {run}) >= 1);
}

TEST_CASE("a start without descriptors is told from the loop, and is worth another try",
          "[launcher]") {
  Fixture f;
  f.run("echo warm");
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  int lowest_free = dup(0);
  close(lowest_free);
  rlimit none = {static_cast<rlim_t>(lowest_free), old.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  AttemptId run = f.start("echo");
  AttemptId script = f.start("#!/bin/sh\n");
  bool at_once = f.seen[run].failed;
  setrlimit(RLIMIT_NOFILE, &old);
  CHECK_FALSE(at_once);
  REQUIRE(f.wait_end(run));
  REQUIRE(f.wait_end(script));
  for (AttemptId id : {run, script}) {
    REQUIRE(f.seen[id].failed);
    CHECK(f.seen[id].failure.error == EMFILE);
    CHECK(f.seen[id].failure.fault == Fault::kMachine);
  }
  CHECK(f.run("echo fine") == "fine\n");
}

// ---- attacks and the sandbox hook

namespace {

int confine_refuse(void*, const char** stage) noexcept {
  *stage = "sandbox: landlock";
  return EPERM;
}

int confine_stop(void*, const char**) noexcept {
  syscall(SYS_kill, syscall(SYS_getpid), SIGSTOP);
  return 0;
}

int confine_die(void*, const char**) noexcept {
  syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  return 0;
}

int confine_nice(void* context, const char**) noexcept {
  return static_cast<int>(syscall(SYS_setpriority, PRIO_PROCESS, 0, *static_cast<int*>(context)));
}

int confine_has_descriptor(void* context, const char**) noexcept {
  return syscall(SYS_fcntl, *static_cast<int*>(context), F_GETFD) >= 0 ? 0 : EBADF;
}

}  // namespace

TEST_CASE("the confine hook runs in the child, and its refusal is the attempt's", "[launcher]") {
  {
    LauncherSettings settings;
    settings.confine = confine_refuse;
    Fixture f(settings);
    AttemptId run = f.start("echo never");
    REQUIRE(f.wait_end(run));
    REQUIRE(f.seen[run].failed);
    CHECK(f.seen[run].failure.stage == "sandbox: landlock");
    CHECK(f.seen[run].failure.error == EPERM);
  }
  {
    int nice = 9;
    LauncherSettings settings;
    settings.confine = confine_nice;
    settings.confine_context = &nice;
    Fixture f(settings);
    CHECK(f.run("cut -d' ' -f19 /proc/$$/stat") == "9\n");
  }
  {
    Fd used(open("/", O_RDONLY));
    int number = used.get();
    LauncherSettings settings;
    settings.confine = confine_has_descriptor;
    settings.confine_context = &number;
    settings.confine_descriptors = {number};
    Fixture f(settings);
    CHECK(f.run("#!/bin/sh\nexec ls -1 /proc/self/fd") == "0\n1\n2\n3\n4\n");  // 4 is of ls
  }
}

TEST_CASE("a half-started child that is stopped holds nobody up", "[launcher]") {
  LauncherSettings settings;
  settings.confine = confine_stop;
  Fixture f(settings);
  int64_t before = SystemClock().mono_ns();
  AttemptId run = f.start("echo never");
  REQUIRE(f.wait_end(run));
  CHECK(SystemClock().mono_ns() - before < 5 * kNsPerSec);
  REQUIRE(f.seen[run].failed);
  CHECK(f.seen[run].failure.stage == "stopped before exec");
  CHECK(f.seen[run].failure.fault == Fault::kJob);
  CHECK(marked_count(f.token) == 0);
}

TEST_CASE("a half-started child that is killed ends like any other", "[launcher]") {
  LauncherSettings settings;
  settings.confine = confine_die;
  Fixture f(settings);
  AttemptId run = f.start("echo never");
  REQUIRE(f.wait_end(run));
  REQUIRE(f.seen[run].exited);
  CHECK(WTERMSIG(f.seen[run].exit.wait_status) == SIGKILL);
}

// ---- deaths

TEST_CASE("when the launcher dies filed is told, and can kill all jobs", "[launcher]") {
  Fixture f;
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
    auto* f = new Fixture(settings);
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
  Fixture f;
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
  Fixture f;
  AttemptId run = f.start("trap '' TERM; echo up; while :; do sleep 1000; done");
  REQUIRE(f.wait_until([&] { return !f.seen[run].output.empty(); }));
  pid_t launcher = f.client->launcher_pid();
  CHECK(f.shut_down());
  CHECK_FALSE(alive(launcher));
  CHECK(marked_count(f.token) == 0);
}

TEST_CASE("the launcher is in a session of its own, deaf to the signals of a terminal",
          "[launcher]") {
  Fixture f;
  CHECK(f.run("echo fine") == "fine\n");
  auto launcher = LinuxProcesses().read(f.client->launcher_pid());
  REQUIRE(launcher);
  CHECK(launcher->session == launcher->pid);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP, SIGTTOU, SIGUSR1}) {
    ::kill(launcher->pid, signal);
  }
  CHECK(f.run("echo fine") == "fine\n");
}

// ---- users

namespace {

bool is_root() { return geteuid() == 0; }

}  // namespace

TEST_CASE("in owner mode a number without a passwd entry runs with no groups, home /",
          "[launcher]") {
  if (!is_root()) return;
  LauncherSettings settings;
  settings.as_owner = true;
  Fixture f(settings);
  std::string out = f.run(
      "id -u; id -g; id -G; echo $HOME $USER $LOGNAME; pwd; "
      "grep -E '^(Groups|Cap...):' /proc/self/status | tr -d ' \\t'",
      [](StartRequest& a) {
        a.uid = 54321;
        a.gid = 54322;
      });
  CHECK(out ==
        "54321\n54322\n54322\n/ 54321 54321\n/\nGroups:\nCapInh:0000000000000000\n"
        "CapPrm:0000000000000000\nCapEff:0000000000000000\nCapBnd:0000000000000000\n"
        "CapAmb:0000000000000000\n");
}

TEST_CASE("in owner mode a known user has his groups, and none that the file's group would add",
          "[launcher]") {
  if (!is_root()) return;
  UserCache users;
  User nobody = users.find(65534);
  if (!nobody.known) return;
  LauncherSettings settings;
  settings.as_owner = true;
  Fixture f(settings);
  CHECK(f.run("id -u; id -g; echo $USER", [](StartRequest& a) {
    a.uid = 65534;
    a.gid = 0;  // as a job's in a setgid directory of root's
  }) == "65534\n" + std::to_string(nobody.group) + "\n" + nobody.name + "\n");
  // Root's own jobs keep what root can do.
  CHECK(f.run("id -u; [ $(sed -n 's/^CapBnd:\t//p' /proc/self/status) != 0000000000000000 ] && "
              "echo all",
              [](StartRequest& a) { a.uid = a.gid = 0; }) == "0\nall\n");
}

TEST_CASE("in owner mode a job is killed with its main process, whoever owns it", "[launcher]") {
  if (!is_root()) return;
  LauncherSettings settings;
  settings.as_owner = true;
  Fixture f(settings);
  AttemptId run = f.start("(setsid sleep 1000 &); echo up; sleep 1000", [](StartRequest& a) {
    a.uid = 54321;
    a.gid = 54321;
  });
  REQUIRE(f.wait_until([&] { return !f.seen[run].output.empty(); }));
  ::kill(f.client->launcher_pid(), SIGKILL);
  REQUIRE(f.wait_until([&] { return f.gone; }));
  CHECK(eventually([&] { return !alive(f.seen[run].pid); }));
  CHECK(f.client->kill_everything(10'000) == 0);
  CHECK(marked_count(f.token) == 0);
}

TEST_CASE("with a user set, every attempt runs as that user", "[launcher]") {
  if (!is_root()) return;
#ifdef __SANITIZE_THREAD__
  // It gives the launcher a second thread. To that, setuid(3) sends a signal that the C library
  // keeps for itself, and the launcher has set all signals to their defaults.
  return;
#endif
  LauncherSettings settings;
  settings.user = JobUser{54321, 54322};
  Fixture f(settings);
  CHECK(f.run("id -u; id -g; grep ^CapBnd /proc/self/status | tr -d '\\t'",
              [](StartRequest& a) { a.uid = 0; }) == "54321\n54322\nCapBnd:0000000000000000\n");
}

TEST_CASE("RLIMIT_NPROC that is reached is worth another try", "[launcher]") {
  if (!is_root()) return;
  LauncherSettings settings;
  settings.as_owner = true;
  settings.limits.processes = 1;
  Fixture f(settings);
  auto as_other = [](StartRequest& a) { a.uid = a.gid = 54323; };
  // The kernel lets one more than the limit come in by a change of user.
  std::vector<AttemptId> runs;
  for (int i = 0; i < 3; ++i) {
    runs.push_back(f.start("exec sleep 1000", as_other));
    REQUIRE(
        f.wait_until([&] { return f.seen[runs.back()].started || f.seen[runs.back()].failed; }));
  }
  REQUIRE(f.seen[runs.back()].failed);
  CHECK(f.seen[runs.back()].failure.error == EAGAIN);
  CHECK(f.seen[runs.back()].failure.stage == "exec /bin/sh");
  CHECK(f.seen[runs.back()].failure.fault == Fault::kOwner);
}

// ---- the mount

TEST_CASE("the launcher detaches our mount at its end, and nobody else's", "[launcher]") {
  if (!is_root()) return;
  char dir[] = "/tmp/filed-launcher-XXXXXX";
  REQUIRE(mkdtemp(dir) != nullptr);
  auto is_mounted = [&] {
    struct stat inside {};
    struct stat outside {};
    return stat(dir, &inside) == 0 && stat("/tmp", &outside) == 0 &&
           inside.st_dev != outside.st_dev;
  };
  auto tmpfs = [&](const char* verb) {
    return system((std::string(verb) + " " + dir + " > /dev/null 2>&1").c_str()) == 0;
  };
  if (!tmpfs("mount -t tmpfs none")) {
    rmdir(dir);
    return;  // no right to mount here
  }
  LauncherSettings settings;
  settings.mount_dir = dir;
  {
    Fixture not_ours(settings);
    CHECK(not_ours.run("echo fine") == "fine\n");
  }
  CHECK(is_mounted());
  {
    Fixture ours(settings);
    ours.client->mounted();
    CHECK(ours.run("echo fine") == "fine\n");
    CHECK(ours.shut_down());
    CHECK_FALSE(is_mounted());
  }
  REQUIRE(tmpfs("mount -t tmpfs none"));
  {
    Fixture replaced(settings);
    replaced.client->mounted();
    CHECK(replaced.run("echo fine") == "fine\n");
    REQUIRE(tmpfs("umount"));
    REQUIRE(tmpfs("mount -t tmpfs none"));
  }
  // The kernel may give the number of the mount again at once; then this one went, as ours would
  // have.
  if (is_mounted()) tmpfs("umount");
  rmdir(dir);
}

namespace {

// A FUSE mount without libfuse, whose server never answers. The descriptor is its connection.
Fd mount_silent_fuse(const std::string& dir) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return Fd();
  Fd ours(pair[0]);
  Fd theirs(pair[1]);
  fcntl(ours.get(), F_SETFD, FD_CLOEXEC);
  pid_t pid = fork();
  if (pid == 0) {
    setenv("_FUSE_COMMFD", std::to_string(theirs.get()).c_str(), 1);
    execlp("fusermount3", "fusermount3", "-o", "fsname=silent", "--", dir.c_str(), nullptr);
    _exit(127);
  }
  theirs.reset();
  char byte = 0;
  iovec vector{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got = recvmsg(ours.get(), &header, MSG_CMSG_CLOEXEC);
  waitpid(pid, nullptr, 0);
  cmsghdr* c = got > 0 ? CMSG_FIRSTHDR(&header) : nullptr;
  if (c == nullptr || c->cmsg_type != SCM_RIGHTS) return Fd();
  int fd = -1;
  memcpy(&fd, CMSG_DATA(c), sizeof fd);
  return Fd(fd);
}

bool is_in_mounts(const std::string& dir) {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(" " + dir + " ") != std::string::npos) return true;
  }
  return false;
}

// One of these, in a folder of its own; without a connection where there is no FUSE.
struct SilentMount {
  SilentMount() {
    REQUIRE(mkdtemp(dir) != nullptr);
    connection = mount_silent_fuse(dir);
  }
  ~SilentMount() { rmdir(dir); }

  char dir[32] = "/tmp/filed-launcher-XXXXXX";
  Fd connection;
};

}  // namespace

TEST_CASE("the launcher detaches a FUSE mount whose server does not answer", "[launcher]") {
  for (bool use_fusermount : {true, false}) {
    if (!use_fusermount && !is_root()) continue;
    SilentMount mount;
    if (!mount.connection) return;  // no FUSE here
    REQUIRE(is_in_mounts(mount.dir));
    LauncherSettings settings;
    settings.mount_dir = mount.dir;
    settings.use_fusermount = use_fusermount;
    {
      Fixture f(settings);
      f.client->mounted();
      CHECK(f.run("echo fine") == "fine\n");
      int64_t before = SystemClock().mono_ns();
      CHECK(f.shut_down());
      CHECK(SystemClock().mono_ns() - before < 4 * kNsPerSec);
    }
    CHECK_FALSE(is_in_mounts(mount.dir));
  }
}

namespace {

// Answers the kernel's first request, and reads the next one, which is never answered: who made
// that can no longer be killed. False if it does not come.
bool let_hang(int connection) {
  std::vector<char> buffer(1 << 20);
  for (;;) {
    pollfd fd = {connection, POLLIN, 0};
    if (poll(&fd, 1, 10'000) != 1) return false;
    if (read(connection, buffer.data(), buffer.size()) < 0) return false;
    fuse_in_header in;
    memcpy(&in, buffer.data(), sizeof in);
    if (in.opcode != FUSE_INIT) return true;
    struct {
      fuse_out_header header;
      fuse_init_out init;
    } out{};
    out.header.len = sizeof out;
    out.header.unique = in.unique;
    out.init.major = FUSE_KERNEL_VERSION;
    out.init.minor = 31;
    out.init.max_write = 4096;
    if (write(connection, &out, sizeof out) < 0) return false;
  }
}

}  // namespace

TEST_CASE("an interpreter that cannot be read holds up others once, and not for long",
          "[launcher]") {
  SilentMount mount;
  if (!mount.connection) return;  // no FUSE here
  {
    Fixture f;
    int64_t before = SystemClock().mono_ns();
    std::string text = std::string("#!") + mount.dir + "/program\n";
    AttemptId hanging = f.start(text);
    REQUIRE(let_hang(mount.connection.get()));
    CHECK(f.run("echo fine") == "fine\n");
    CHECK(SystemClock().mono_ns() - before < 6 * kNsPerSec);
    REQUIRE(f.wait_end(hanging));
    CHECK(SystemClock().mono_ns() - before < 10 * kNsPerSec);
    REQUIRE(f.seen[hanging].failed);
    CHECK(f.seen[hanging].failure.stage == "start timed out");
    CHECK(f.seen[hanging].failure.error == ETIMEDOUT);
    CHECK(f.seen[hanging].failure.fault == Fault::kJob);
    // Nobody is held up by the next one of that user.
    before = SystemClock().mono_ns();
    AttemptId again = f.start(text);
    CHECK(f.run("echo fine") == "fine\n");
    CHECK(SystemClock().mono_ns() - before < 3 * kNsPerSec);
    CHECK_FALSE(f.seen[again].failed);
    REQUIRE(f.wait_end(again));
    CHECK(f.seen[again].failure.stage == "start timed out");
    pid_t launcher = f.client->launcher_pid();
    mount.connection.reset();  // the kernel answers then
    CHECK(eventually([&] {
      for (const Process& process : all_processes()) {
        if (process.parent == launcher) return false;
      }
      return true;
    }));
    CHECK(f.run("echo fine") == "fine\n");
  }
  CHECK(system((std::string("fusermount3 -u -z ") + mount.dir).c_str()) == 0);
}

TEST_CASE("a fork bomb at its user's limit cannot outrun the kill", "[launcher]") {
  if (!is_root()) return;
  LauncherSettings settings;
  settings.as_owner = true;
  settings.limits.processes = 60;
  Fixture f(settings);
  auto as_other = [](StartRequest& a) { a.uid = a.gid = 54324; };
  // It forks without end, its members come and go, become orphans and leave their sessions.
  AttemptId run = f.start(
      "command -v perl > /dev/null || { echo none; exit; }\n"
      "exec perl -MPOSIX -e '$main = $$; while (1) { fork; next if $$ == $main; "
      "POSIX::setsid() if rand() < 0.1; exit if rand() < 0.05; }'",
      as_other);
  REQUIRE(f.wait_until([&] { return f.seen[run].started; }));
  auto is_lit = [&] { return marked_count(f.token) > 25; };
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
