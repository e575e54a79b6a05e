// Messages wait in outgoing_ until the end of the turn, when as many as possible leave with one
// sendmmsg; when the socket is full the loop goes on at EPOLLOUT. The launcher's replies come in
// order, and so the events do: an attempt's pipe is only watched from Started on, and on Exited
// what is left in it is read before the end is told. That reading stops at the first read that
// finds less than it asked for: the pipe was empty then. It does not wait for the end of the file,
// for which a process that left the session could let us wait for ever, nor does it go on for more
// than a pipe can hold.
#include "launcher/client.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unordered_set>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "launcher/launcher.h"
#include "launcher/process_tree.h"
#include "launcher/protocol.h"
#include "launcher/spawn.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_SEAL_SEAL 0x0001
#define F_SEAL_SHRINK 0x0002
#define F_SEAL_GROW 0x0004
#define F_SEAL_WRITE 0x0008
#endif

namespace filed {
namespace {

constexpr size_t kReadSize = 64 * 1024;        // what a pipe holds by default
constexpr size_t kLongestDrain = 1024 * 1024;  // what one can be made to hold (fs.pipe-max-size)
constexpr int kMaxBatches = 8;                 // of replies a wake-up
constexpr int kSocketBuffer = 1024 * 1024;
constexpr int64_t kPollNs = 10 * kNsPerMs;

// A closed descriptor among 0 to 2 would be given to the next file that is opened, and what is
// meant for stderr would go there.
void open_standard_descriptors() {
  int fd;
  do {
    fd = open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= 2);
  if (fd < 0) throw_errno("/dev/null");
  close(fd);
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// The text in a file without a name that nobody can change any more, open for reading only. An
// empty descriptor with errno when that fails.
Fd sealed_text(std::string_view text) {
  unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  Fd file(memfd_create("filed-job", flags | MFD_EXEC));
  // Kernels before 6.3 do not know MFD_EXEC, and make every one executable.
  if (!file && errno == EINVAL) file.reset(memfd_create("filed-job", flags));
  if (!file || !write_all(file.get(), text)) return Fd();
  if (fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
      0) {
    return Fd();
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file.get());
  return Fd(open(path, O_RDONLY | O_CLOEXEC));
}

TextKind kind_of(std::string_view text) {
  if (text.substr(0, 2) == "#!") return TextKind::kScript;
  // One byte less than there is room for: see Spawner::plan_command.
  return text.size() < kMaxTextArgument ? TextKind::kArgument : TextKind::kFile;
}

}  // namespace

LauncherClient::LauncherClient(const LauncherSettings& settings)
    : token_(settings.token), buffer_(kReadSize), incoming_(std::make_unique<PacketBatch>()) {
  open_standard_descriptors();
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) throw_errno("socketpair");
  socket_.reset(pair[0]);
  Fd theirs(pair[1]);
  // Room for several of the longest messages; the kernel gives what it allows.
  if (setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer)) {
    setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
  }
  if (prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) != 0) throw_errno("child subreaper");
  launcher_ = fork();
  if (launcher_ < 0) throw_errno("fork");
  if (launcher_ == 0) {
    socket_.reset();
    run_launcher(settings, std::move(theirs));
  }
}

LauncherClient::~LauncherClient() {
  reap(0);
  if (loop_ != nullptr) {
    if (socket_) loop_->remove(socket_.get());
    for (auto& [run, state] : runs_) unwatch_output(state);
  }
}

void LauncherClient::attach(EventLoop& loop, LauncherEvents& events,
                            std::function<void()> on_gone) {
  loop_ = &loop;
  events_ = &events;
  on_gone_ = std::move(on_gone);
  interest_ = EPOLLIN;
  int error = loop.add(socket_.get(), interest_, [this](uint32_t ready) { on_socket(ready); });
  if (error != 0) throw_errno("launcher: epoll", error);
}

void LauncherClient::start(const StartRequest& attempt) {
  runs_.try_emplace(attempt.attempt);
  StartMessage message{attempt.attempt,
                       attempt.uid,
                       attempt.gid,
                       attempt.number,
                       attempt.retries,
                       kind_of(attempt.text),
                       attempt.id,
                       attempt.shell,
                       {},
                       attempt.hook,
                       {},
                       attempt.limits};
  message.env.assign(attempt.env.begin(), attempt.env.end());
  if (attempt.text.find('\0') != std::string::npos) {
    return fail_later(attempt.attempt, "NUL byte in the text", EINVAL);
  }
  Fd text;
  if (message.kind == TextKind::kArgument) {
    message.text = attempt.text;
    if (attempt.hook) text.reset(fcntl(attempt.input->get(), F_DUPFD_CLOEXEC, 3));
    if (attempt.hook && !text) return fail_later(attempt.attempt, "input", errno);
  } else {
    text = sealed_text(attempt.text);
    if (!text) return fail_later(attempt.attempt, "text", errno);
  }
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0) return fail_later(attempt.attempt, "pipe", errno);
  runs_[attempt.attempt].output.reset(pipe[0]);
  Fd output(pipe[1]);
  // Our end only: jobs expect writes that wait.
  fcntl(pipe[0], F_SETFL, O_NONBLOCK);
  std::string bytes = encode(message);
  // What the launcher would refuse, it would refuse as a breach of the protocol, and leave.
  if (!decode(bytes)) return fail_later(attempt.attempt, "start", EINVAL);
  queue(std::move(bytes), std::move(output), std::move(text));
  outgoing_.back().run = attempt.attempt;
}

void LauncherClient::terminate(AttemptId run) {
  if (runs_.count(run) > 0) queue(encode(TerminateMessage{run}));
}

void LauncherClient::kill(AttemptId run) {
  if (runs_.count(run) > 0) queue(encode(KillMessage{run}));
}

void LauncherClient::hold_output(AttemptId run, bool held) {
  auto entry = runs_.find(run);
  if (entry == runs_.end() || entry->second.held == held) return;
  Run& state = entry->second;
  state.held = held;
  // Removed rather than watched for nothing: epoll tells of a hang-up in any case.
  if (held) {
    unwatch_output(state);
  } else if (state.pid != 0) {
    watch_output(run, state);
  }
}

int LauncherClient::configure(const LimitSettings& limits,
                              const std::vector<std::pair<std::string, std::string>>& env) {
  ConfigureMessage message{limit_values(limits), {env.begin(), env.end()}};
  std::string bytes = encode(message);
  if (bytes.empty()) return E2BIG;
  if (!decode(bytes)) return EINVAL;
  queue(std::move(bytes));
  return 0;
}

void LauncherClient::mounted() {
  queue(encode(MountedMessage{}));
  flush();
}

void LauncherClient::quit() {
  queue(encode(QuitMessage{}));
  flush();
}

void LauncherClient::queue(std::string bytes, Fd first, Fd second) {
  outgoing_.push_back({std::move(bytes), {std::move(first), std::move(second)}, std::nullopt});
}

void LauncherClient::flush() {
  while (socket_ && !outgoing_.empty()) {
    PacketView packets[kSendAtOnce];
    size_t count = std::min(outgoing_.size(), kSendAtOnce);
    for (size_t i = 0; i < count; ++i) {
      const Outgoing& message = outgoing_[i];
      packets[i].bytes = message.bytes;
      for (size_t n = 0; n < kMaxDescriptors; ++n) {
        packets[i].descriptors[n] = message.descriptors[n].get();
      }
    }
    int sent = send_packets(socket_.get(), packets, count, false);
    if (sent < 0 && errno == EMSGSIZE) {
      // Longer than the socket buffer that the system allows.
      if (outgoing_.front().run) fail_later(*outgoing_.front().run, "send", EMSGSIZE);
      outgoing_.pop_front();
      continue;
    }
    // Gone (the loop tells), full, or out of memory (ENOBUFS, ETOOMANYREFS): tried again.
    if (sent < 0) break;
    outgoing_.erase(outgoing_.begin(), outgoing_.begin() + sent);
  }
  update_interest();
}

// Watches for room in the socket as long as something waits to be sent, or to be told.
void LauncherClient::update_interest() {
  if (loop_ == nullptr || !socket_) return;
  uint32_t wanted = EPOLLIN;
  if (!outgoing_.empty() || !failed_.empty()) wanted |= EPOLLOUT;
  if (wanted == interest_) return;
  interest_ = wanted;
  loop_->modify(socket_.get(), wanted);
}

void LauncherClient::fail_later(AttemptId run, const char* stage, int error) {
  failed_.push_back({run, {stage, error, fault_of(error)}});
  update_interest();
}

void LauncherClient::on_socket(uint32_t events) {
  deliver_failures();
  if ((events & EPOLLOUT) != 0) flush();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive();
}

void LauncherClient::deliver_failures() {
  std::vector<Failed> failed;
  failed.swap(failed_);  // the callee may start again, and fail again
  for (const Failed& failure : failed) {
    runs_.erase(failure.run);
    events_->start_failed(failure.run, failure.failure);
  }
  if (!failed.empty()) update_interest();
}

void LauncherClient::receive() {
  for (int batch = 0; batch < kMaxBatches && socket_; ++batch) {
    int error = incoming_->receive(socket_.get());
    if (error == EAGAIN || error == EINTR) return;
    if (error != 0) return gone();
    size_t size = incoming_->size();
    for (size_t i = 0; i < size && socket_; ++i) handle(incoming_->bytes(i));
    if (size < PacketBatch::kCapacity) return;
  }
}

void LauncherClient::handle(std::string_view bytes) {
  auto message = decode(bytes);
  if (!message) {
    log_error("launcher: malformed reply");
    return gone();
  }
  if (auto* started = std::get_if<StartedMessage>(&*message)) {
    auto entry = runs_.find(started->run);
    if (entry == runs_.end()) return;
    entry->second.pid = started->pid;
    if (!entry->second.held) watch_output(started->run, entry->second);
    events_->started(started->run, started->pid);
  } else if (auto* failed = std::get_if<StartFailedMessage>(&*message)) {
    if (runs_.erase(failed->run) == 0) return;
    events_->start_failed(failed->run, {std::string(failed->stage), failed->error, failed->fault});
  } else if (auto* exited = std::get_if<ExitedMessage>(&*message)) {
    finish(exited->run, exited->exit);
  }
}

void LauncherClient::watch_output(AttemptId run, Run& state) {
  if (state.watched || !state.output) return;
  // Without room for another watch the output is still read at the end.
  int error = loop_->add(state.output.get(), EPOLLIN, [this, run](uint32_t) { on_output(run); });
  if (error != 0) {
    log_warning("launcher: cannot watch the output of a job: %s", strerror(error));
    return;
  }
  state.watched = true;
}

void LauncherClient::unwatch_output(Run& state) {
  if (state.watched) loop_->remove(state.output.get());
  state.watched = false;
}

void LauncherClient::on_output(AttemptId run) {
  auto entry = runs_.find(run);
  if (entry == runs_.end()) return;
  Run& state = entry->second;
  ssize_t n = read(state.output.get(), buffer_.data(), buffer_.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    // All writers have closed it. The attempt may go on without.
    unwatch_output(state);
    state.output.reset();
    return;
  }
  events_->output(run, {buffer_.data(), static_cast<size_t>(n)});
}

void LauncherClient::finish(AttemptId run, const AttemptExit& exit) {
  auto entry = runs_.find(run);
  if (entry == runs_.end()) return;
  unwatch_output(entry->second);
  Fd output = std::move(entry->second.output);
  runs_.erase(entry);
  for (size_t total = 0; output && total < kLongestDrain;) {
    ssize_t n = read(output.get(), buffer_.data(), buffer_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    events_->output(run, {buffer_.data(), static_cast<size_t>(n)});
    if (static_cast<size_t>(n) < buffer_.size()) break;
    total += static_cast<size_t>(n);
  }
  events_->exited(run, exit);
}

void LauncherClient::gone() {
  if (!socket_) return;
  loop_->remove(socket_.get());
  socket_.reset();
  outgoing_.clear();
  if (on_gone_) on_gone_();
}

// Waits for the launcher's end. True when it has been reaped.
bool LauncherClient::reap(int64_t timeout_ms) {
  SystemClock clock;
  int64_t deadline = clock.mono_ns() + timeout_ms * kNsPerMs;
  while (!reaped_) {
    pid_t pid = waitpid(launcher_, nullptr, WNOHANG);
    if (pid == launcher_ || (pid < 0 && errno == ECHILD)) {
      reaped_ = true;
      break;
    }
    if (clock.mono_ns() >= deadline) return false;
    timespec pause = to_timespec(kPollNs);
    nanosleep(&pause, nullptr);
  }
  return true;
}

int LauncherClient::kill_everything(int64_t timeout_ms) {
  SystemClock clock;
  int64_t deadline = clock.mono_ns() + timeout_ms * kNsPerMs;
  if (!reaped_) {
    ::kill(launcher_, SIGKILL);
    // Its children become ours when it has ended.
    reap(timeout_ms);
  }
  std::unordered_set<pid_t> mains;
  for (const auto& [run, state] : runs_) {
    if (state.pid != 0) mains.insert(state.pid);
  }
  pid_t self = getpid();
  auto filter = [&](const Process& process) {
    if (mains.count(process.pid) > 0 || mains.count(process.session) > 0) return true;
    if (process.parent != self) return false;
    auto run = marked_run(process.pid, token_);
    return !run || runs_.count(*run) > 0;
  };
  for (;;) {
    kill_processes(filter, Descendants::kYes);
    int left = signal_processes(filter, Descendants::kYes, {});
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (left == 0 || clock.mono_ns() >= deadline) return left;
    timespec pause = to_timespec(kPollNs);
    nanosleep(&pause, nullptr);
  }
}

int kill_marked(std::string_view token, const std::vector<AttemptId>& runs) {
  pid_t self = getpid();
  std::vector<pid_t> spare;
  for (auto process = read_process(self); process && process->parent > 1;) {
    spare.push_back(process->parent);
    process = read_process(process->parent);
  }
  auto filter = [&](const Process& process) {
    if (process.parent == self) return false;
    auto run = marked_run(process.pid, token);
    return run && std::find(runs.begin(), runs.end(), *run) != runs.end();
  };
  int killed = 0;
  for (int attempt = 0; attempt < 10; ++attempt) {
    KillResult result = kill_processes(filter, Descendants::kYes, spare);
    killed += result.killed;
    if (result.finished) break;
  }
  return killed;
}

}  // namespace filed
