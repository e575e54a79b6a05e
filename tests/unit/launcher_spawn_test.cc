// What a job of the launcher finds: its environment, its limits, its text, its output, the hook.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "launcher/child_memory.h"
#include "launcher/environment.h"
#include "launcher/shared_memory.h"
#include "launcher/start_slots.h"
#include "launcher_rig.h"

TEST_CASE("stdout and stderr arrive in order, between started and exited", "[launcher]") {
  LauncherRig f;
  AttemptId run = f.start("echo one; echo two >&2; echo three; exec 1>&-; echo four >&2");
  REQUIRE(f.wait_end(run));
  CHECK(f.seen[run].output == "one\ntwo\nthree\nfour\n");
  CHECK(f.seen[run].order == "sox");
  CHECK(f.seen[run].exit.wait_status == 0);
}

TEST_CASE("exit status and signal are told as wait gives them", "[launcher]") {
  LauncherRig f;
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
  LauncherRig f;
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
  LauncherRig f(settings);
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
  LauncherRig f;
  CHECK(f.client->configure({}, {{"HOME", "/usr"}, {"PATH", "/bin:/usr/bin"}, {"X", "1"}}) == 0);
  CHECK(f.run("echo $HOME $PATH $X; pwd") == "/usr /bin:/usr/bin 1\n/usr\n");
  CHECK(f.client->configure({}, {{"X", std::string(kMaxMessage, 'x')}}) == E2BIG);
  CHECK(f.client->configure({}, {{"A=B", "x"}}) == EINVAL);
  CHECK(f.run("echo $X") == "1\n");
}

TEST_CASE("a job has descriptors 0 to 2 only, stdin empty", "[launcher]") {
  Fd inherited(open("/etc/hostname", O_RDONLY));  // not close-on-exec, on purpose
  LauncherRig f;
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
  LauncherRig f;
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
  LauncherRig f(settings);
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

TEST_CASE("a text that begins with #! is run as a script, with only its text as descriptor 3",
          "[launcher]") {
  LauncherRig f;
  CHECK(f.run("#!/bin/sh\necho script; readlink /proc/self/fd/3 | cut -c1-16") ==
        "script\n/memfd:filed-job\n");
  CHECK(f.run("#!/bin/cat\nhello\n") == "#!/bin/cat\nhello\n");
  // Sealed: no process can change it while it runs.
  CHECK(f.run("#!/bin/sh\n( echo x >> /proc/self/fd/3 ) 2>/dev/null || echo refused") ==
        "refused\n");
}

TEST_CASE("a script with a missing interpreter fails to start, and its name is told",
          "[launcher]") {
  LauncherRig f;
  AttemptId run = f.start("#! /no/such/interpreter -x\necho");
  REQUIRE(f.wait_end(run));
  REQUIRE(f.seen[run].failed);
  CHECK(f.seen[run].failure.step == "exec /no/such/interpreter");
  CHECK(f.seen[run].failure.error == ENOENT);
  CHECK(f.seen[run].failure.fault == Fault::kJob);
  CHECK(f.seen[run].order == "f");
}

TEST_CASE("a program that is open for writing is its user's fault, a shell the machine's",
          "[launcher]") {
  LauncherRig f;
  char path[] = "/tmp/filed-program-XXXXXX";
  Fd program(mkostemp(path, O_CLOEXEC));
  REQUIRE(program);
  REQUIRE(fchmod(program.get(), 0755) == 0);
  AttemptId script = f.start(std::string("#!") + path + "\n");
  AttemptId shell = f.start("echo", [&](StartRequest& a) { a.shell = path; });
  REQUIRE(f.wait_end(script));
  REQUIRE(f.wait_end(shell));
  unlink(path);
  CHECK(f.seen[script].failure.step == std::string("exec ") + path);
  CHECK(f.seen[script].failure.error == ETXTBSY);
  CHECK(f.seen[script].failure.fault == Fault::kJob);
  CHECK(f.seen[shell].failure.error == ETXTBSY);
  CHECK(f.seen[shell].failure.fault == Fault::kMachine);
}

TEST_CASE("a shell that cannot be executed fails the start, and says why", "[launcher]") {
  LauncherRig f;
  AttemptId missing = f.start("echo", [](StartRequest& a) { a.shell = "/no/such/shell"; });
  AttemptId forbidden = f.start("echo", [](StartRequest& a) { a.shell = "/etc/passwd"; });
  REQUIRE(f.wait_end(missing));
  REQUIRE(f.wait_end(forbidden));
  CHECK(f.seen[missing].failure.step == "exec /no/such/shell");
  CHECK(f.seen[missing].failure.error == ENOENT);
  CHECK(f.seen[forbidden].failure.error == EACCES);
  CHECK(f.seen[forbidden].failure.fault == Fault::kJob);
  CHECK(f.run("echo fine") == "fine\n");
}

TEST_CASE("texts of every length run", "[launcher]") {
  LauncherRig f;
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
  LauncherRig f;
  AttemptId run = f.start("-no-such-command || echo went on");
  REQUIRE(f.wait_end(run));
  CHECK(f.seen[run].output.find("-no-such-command") != std::string::npos);
  CHECK(f.seen[run].output.find("went on\n") != std::string::npos);
}

TEST_CASE("a text or an id that cannot be passed on fails that start only", "[launcher]") {
  LauncherRig f;
  AttemptId nul = f.start(std::string("echo\0x", 6));
  AttemptId id = f.start("echo", [](StartRequest& a) { a.id = std::string(300, 'x'); });
  CHECK_FALSE(f.seen[nul].failed);  // never from within start()
  REQUIRE(f.wait_end(nul));
  REQUIRE(f.wait_end(id));
  CHECK(f.seen[nul].failure.error == EINVAL);
  CHECK(f.seen[id].failure.error == EINVAL);
  CHECK(f.run("echo fine") == "fine\n");
}

TEST_CASE("more messages than the socket holds arrive all the same", "[launcher]") {
  LauncherRig f;
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

TEST_CASE("much output of several attempts arrives whole", "[launcher]") {
  LauncherRig f;
  std::string text = "head -c 3000000 /dev/zero | tr '\\0' x";
  AttemptId a = f.start(text);
  AttemptId b = f.start(text);
  REQUIRE(f.wait_end(a));
  REQUIRE(f.wait_end(b));
  CHECK(f.seen[a].output == std::string(3000000, 'x'));
  CHECK(f.seen[b].output.size() == 3000000);
}

TEST_CASE("held output blocks its writer, and flows on when released", "[launcher]") {
  LauncherRig f;
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

TEST_CASE("an end is told though a process that left the session keeps the pipe open",
          "[launcher]") {
  LauncherRig f;
  AttemptId run = f.start(
      "setsid sh -c 'trap \"\" PIPE; echo daemon; exec sleep 1000' & read x < /dev/null; "
      "while [ \"$(cut -d' ' -f6 /proc/$!/stat)\" = $$ ]; do :; done; echo main");
  REQUIRE(f.wait_end(run));
  CHECK(f.seen[run].output.find("main\n") != std::string::npos);
  CHECK(kill_marked(f.token, {run}) >= 1);
}

TEST_CASE("a start without descriptors is told from the loop, and is worth another try",
          "[launcher]") {
  LauncherRig f;
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
    LauncherRig f(settings);
    AttemptId run = f.start("echo never");
    REQUIRE(f.wait_end(run));
    REQUIRE(f.seen[run].failed);
    CHECK(f.seen[run].failure.step == "sandbox: landlock");
    CHECK(f.seen[run].failure.error == EPERM);
  }
  {
    int nice = 9;
    LauncherSettings settings;
    settings.confine = confine_nice;
    settings.confine_context = &nice;
    LauncherRig f(settings);
    CHECK(f.run("cut -d' ' -f19 /proc/$$/stat") == "9\n");
  }
  {
    Fd used(open("/", O_RDONLY));
    int number = used.get();
    LauncherSettings settings;
    settings.confine = confine_has_descriptor;
    settings.confine_context = &number;
    settings.confine_descriptors = {number};
    LauncherRig f(settings);
    CHECK(f.run("#!/bin/sh\nexec ls -1 /proc/self/fd") == "0\n1\n2\n3\n4\n");  // 4 is of ls
  }
}

TEST_CASE("a half-started child that is stopped delays no other", "[launcher]") {
  LauncherSettings settings;
  settings.confine = confine_stop;
  LauncherRig f(settings);
  int64_t before = SystemClock().mono_ns();
  AttemptId run = f.start("echo never");
  REQUIRE(f.wait_end(run));
  CHECK(SystemClock().mono_ns() - before < 5 * kNsPerSec);
  REQUIRE(f.seen[run].failed);
  CHECK(f.seen[run].failure.step == "stopped before exec");
  CHECK(f.seen[run].failure.fault == Fault::kJob);
  CHECK(marked_count(f.token) == 0);
}

TEST_CASE("a half-started child that is killed ends like any other", "[launcher]") {
  LauncherSettings settings;
  settings.confine = confine_die;
  LauncherRig f(settings);
  AttemptId run = f.start("echo never");
  REQUIRE(f.wait_end(run));
  REQUIRE(f.seen[run].exited);
  CHECK(WTERMSIG(f.seen[run].exit.wait_status) == SIGKILL);
}

namespace {

// Waits until the other end of the pipe is closed.
int confine_wait(void* context, const char**) noexcept {
  char byte;
  syscall(SYS_read, *static_cast<int*>(context), &byte, 1);
  return 0;
}

}  // namespace

TEST_CASE("starts that hang delay no other start and no kill, however many they are",
          "[launcher]") {
  HookPipe gate(HookPipe::End::kRead);
  LauncherRig f(gate.settings(confine_wait));
  std::vector<AttemptId> hanging;
  for (int i = 0; i < StartSlots::kMax + 8; ++i) hanging.push_back(f.start("echo went on"));
  // Commands of [hooks] are not confined.
  auto hook = [](StartRequest& a) {
    a.hook = true;
    a.input = std::make_shared<Fd>(open("/dev/null", O_RDONLY | O_CLOEXEC));
  };
  CHECK(f.run("echo other", hook) == "other\n");
  AttemptId victim = hanging.back();
  hanging.pop_back();
  f.kill(victim);
  REQUIRE(f.wait_end(victim));
  for (AttemptId run : hanging) CHECK(f.seen[run].order.empty());
  gate.ours.reset();
  for (AttemptId run : hanging) {
    REQUIRE(f.wait_end(run));
    CHECK(f.seen[run].output == "went on\n");
  }
}

TEST_CASE("a start that takes longer than 3 s has failed, and its slot is used again",
          "[launcher][slow]") {
  HookPipe gate(HookPipe::End::kRead);
  LauncherRig f(gate.settings(confine_wait));
  AttemptId run = f.start("echo never");
  REQUIRE(f.wait_end(run));
  REQUIRE(f.seen[run].failed);
  CHECK(f.seen[run].failure.step == "the interpreter did not answer within 3 s");
  CHECK(f.seen[run].failure.error == ETIMEDOUT);
  gate.ours.reset();
  for (int i = 0; i < StartSlots::kMax * 2; ++i) CHECK(f.run("echo fine") == "fine\n");
}

namespace {

constexpr int kErrnoRounds = 200'000;

FILED_SHARED_MEMORY int expect_bad_descriptor(void*) {
  for (int i = 0; i < kErrnoRounds; ++i) {
    errno = 0;
    syscall(SYS_close, -1);
    if (errno != EBADF) syscall(SYS_exit_group, 1);
  }
  for (;;) syscall(SYS_exit_group, 0);
}

}  // namespace

TEST_CASE("a child that shares the memory has an errno of its own", "[launcher]") {
  if (!ChildMemory::is_possible()) return;
  ChildMemory memory;
  pid_t pid = memory.start(expect_bad_descriptor, nullptr, -1);
  REQUIRE(pid > 0);
  int wrong = 0;
  int status = 0;
  do {
    errno = 0;
    access("/no/such/file", F_OK);
    if (errno != ENOENT) ++wrong;
  } while (waitpid(pid, &status, WNOHANG) == 0);
  CHECK(wrong == 0);
  CHECK(status == 0);
}

TEST_CASE("a user gets half of the slots for starts, and all get their slots back", "[launcher]") {
  if (!ChildMemory::is_possible()) return;
  StartSlots slots;
  std::vector<StartSlots::Lease> leases;
  auto with_memory = [&] {
    return std::ranges::count_if(leases, [](const auto& slot) { return slot->memory != nullptr; });
  };
  for (uid_t uid : {1, 2, 3}) {
    for (int i = 0; i < StartSlots::kMax; ++i) leases.push_back(slots.take(uid));
    int users = std::min<int>(static_cast<int>(uid), StartSlots::kMax / StartSlots::kMaxOfUser);
    CHECK(with_memory() == users * StartSlots::kMaxOfUser);
  }
  leases.clear();
  for (int i = 0; i < StartSlots::kMaxOfUser; ++i) leases.push_back(slots.take(3));
  CHECK(with_memory() == StartSlots::kMaxOfUser);
}
