// Messages wait in outgoing_ until the end of the turn, so that one sendmmsg sends many. When the
// socket is full, the loop goes on at EPOLLOUT. The launcher's replies come in order.
//
// An attempt's pipe is watched from the message Started on. On the message Exited, the rest in the
// pipe is read before the queue is told of the exit. That reading stops at the first read that gets
// less than it asked for, because then the pipe was empty. It does not wait for the end of file,
// because a process that left the session may keep the pipe open for ever; and it reads no more
// than a pipe can hold.
#include "launcher/client.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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
#include "base/reap.h"
#include "launcher/containment.h"
#include "launcher/launcher.h"
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

constexpr size_t kReadSize = 64 * 1024;    // what a pipe holds by default
constexpr size_t kMaxDrain = 1024 * 1024;  // what a pipe can be made to hold (fs.pipe-max-size)
constexpr int kMaxBatches = 8;             // of replies a wake-up
constexpr int kSocketBuffer = 1024 * 1024;
constexpr int64_t kPollNs = 10 * kNsPerMs;

// A closed descriptor among 0 to 2 would be the next file that is opened, and messages for stderr
// would be written to it.
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

// The text in a file without a name that no process can change, open for reading only. An empty
// descriptor with errno when that fails.
Fd sealed_text(std::string_view text) {
  unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  Fd file(memfd_create("filed-job", flags | MFD_EXEC));
  // Kernels before 6.3 do not know MFD_EXEC and make every such file executable.
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
    : token_(settings.token),
      cgroups_(settings.cgroups),
      buffer_(kReadSize),
      incoming_(std::make_unique<PacketBatch>()) {
  open_standard_descriptors();
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) throw_errno("socketpair");
  socket_.reset(pair[0]);
  Fd theirs(pair[1]);
  // Room for several of the longest messages; the kernel gives what it allows.
  if (setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBuffer, sizeof kSocketBuffer)) {
    setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
  }
  Fd their_kill_files;
  if (cgroups_ != nullptr) kill_files_.emplace(their_kill_files);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) != 0) throw_errno("child subreaper");
  launcher_ = fork();
  if (launcher_ < 0) throw_errno("fork");
  if (launcher_ == 0) {
    socket_.reset();
    LauncherSettings shared = settings;
    shared.orders = &orders_;
    shared.kill_files = their_kill_files.get();
    run_launcher(shared, std::move(theirs));
  }
}

LauncherClient::~LauncherClient() {
  reap(0);
  if (loop_ != nullptr) {
    if (socket_) loop_->remove(socket_.get());
    for (auto& [id, attempt] : attempts_) unwatch_output(attempt);
  }
}

void LauncherClient::attach(EventLoop& loop, LauncherEvents& events,
                            std::function<void()> on_gone) {
  loop_ = &loop;
  events_ = &events;
  on_gone_ = std::move(on_gone);
  int error = loop.add(socket_.get(), EPOLLIN, [this](uint32_t ready) { on_socket(ready); });
  if (error != 0) throw_errno("launcher: epoll", error);
}

// Puts the text into the message or into a file, and a hook's input beside it. Returns false when
// that fails; then start_failed will say why.
bool LauncherClient::prepare_text(const StartRequest& request, StartMessage& message, Fd& text) {
  auto failed = [&](const char* step, int error) {
    fail_later(request.attempt, step, error);
    return false;
  };
  if (request.text.find('\0') != std::string::npos) return failed("NUL byte in the text", EINVAL);
  if (message.kind != TextKind::kArgument) {
    text = sealed_text(request.text);
    return text || failed("text", errno);
  }
  message.text = request.text;
  if (!request.hook) return true;
  text.reset(fcntl(request.input->get(), F_DUPFD_CLOEXEC, 3));
  return text || failed("input", errno);
}

void LauncherClient::start(const StartRequest& request) {
  AttemptId id = request.attempt;
  Attempt& attempt = attempts_[id];
  StartMessage message{id,
                       request.uid,
                       request.gid,
                       request.number,
                       request.retries,
                       kind_of(request.text),
                       request.id,
                       request.shell,
                       {},
                       request.hook,
                       {},
                       request.limits};
  message.order = attempt.order = orders_.open();
  if (message.order == OrderWords::kNone) return fail_later(id, "order", EAGAIN);
  message.env.assign(request.env.begin(), request.env.end());
  Fd text;
  if (!prepare_text(request, message, text)) return;
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) != 0) return fail_later(id, "pipe", errno);
  attempt.output.reset(pipe[0]);
  Fd output(pipe[1]);
  // Only the read end, because jobs expect writes that block.
  fcntl(pipe[0], F_SETFL, O_NONBLOCK);
  std::string bytes = encode(message);
  // Check here: the launcher exits on a bad message.
  if (!decode(bytes)) return fail_later(id, "start", EINVAL);
  queue(std::move(bytes), std::move(output), std::move(text));
  outgoing_.back().attempt = id;
}

void LauncherClient::terminate(AttemptId id) {
  if (!attempts_.contains(id)) return;
  if (!withdraw(id)) queue(encode(TerminateMessage{id}));
}

// The launcher gets the message in every case. A withdrawn child may hang. If the attempt is killed
// by now, it is still the launcher that reports what does not die.
void LauncherClient::kill(AttemptId id) {
  if (!attempts_.contains(id)) return;
  if (!withdraw(id)) kill_here(attempts_[id].order);
  queue_kill({id});
}

bool LauncherClient::kill_soon(AttemptId id) {
  if (!attempts_.contains(id) || withdraw(id)) return true;
  if (kill_here(attempts_[id].order)) {
    queue_kill({id});
    return true;
  }
  OrderWords::condemn(orders_.word(attempts_[id].order));
  queue_kill({id, true});
  return false;
}

// Kills the cgroup of an attempt that runs. Returns false if that is the launcher's to do.
bool LauncherClient::kill_here(uint32_t order) {
  int file = kill_files_ ? kill_files_->find(orders_.group(order)) : -1;
  if (file < 0 || !OrderWords::kill_here(orders_.word(order))) return false;
  int error = kill_cgroup(file);
  // The cgroup is removed, so the attempt has ended.
  if (error == 0 || error == ENODEV) return true;
  OrderWords::leave(orders_.word(order));
  return false;
}

bool LauncherClient::recall_kill(AttemptId id) {
  auto attempt = attempts_.find(id);
  return attempt == attempts_.end() || OrderWords::recall(orders_.word(attempt->second.order));
}

void LauncherClient::queue_kill(const KillMessage& message) {
  auto place = outgoing_.begin() + static_cast<std::ptrdiff_t>(kills_++);
  outgoing_.insert(place, {encode(message), {}, std::nullopt});
}

// Returns true if the attempt will never run.
bool LauncherClient::withdraw(AttemptId id) {
  uint32_t order = attempts_[id].order;
  return order == OrderWords::kNone || OrderWords::withdraw(orders_.word(order));
}

void LauncherClient::forget(AttemptId id) {
  auto attempt = attempts_.find(id);
  if (attempt->second.order != OrderWords::kNone) orders_.close(attempt->second.order);
  attempts_.erase(attempt);
}

void LauncherClient::hold_output(AttemptId id, bool held) {
  auto entry = attempts_.find(id);
  if (entry == attempts_.end() || entry->second.held == held) return;
  Attempt& attempt = entry->second;
  attempt.held = held;
  // Removed, not watched for no event, because epoll tells of a hang-up in any case.
  if (held) {
    unwatch_output(attempt);
  } else if (attempt.phase == Attempt::Phase::kRunning) {
    watch_output(id, attempt);
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

void LauncherClient::mounted(Fd root) {
  queue(encode(MountedMessage{}), std::move(root));
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
      if (outgoing_.front().attempt) fail_later(*outgoing_.front().attempt, "send", EMSGSIZE);
      outgoing_.pop_front();
      kills_ -= std::min<size_t>(kills_, 1);
      continue;
    }
    // Gone (the loop notices), full, or out of memory (ENOBUFS, ETOOMANYREFS): tried again.
    if (sent < 0) break;
    outgoing_.erase(outgoing_.begin(), outgoing_.begin() + sent);
    kills_ -= std::min(kills_, static_cast<size_t>(sent));
  }
  update_interest();
}

// Watches for room in the socket while something waits to be sent or told.
void LauncherClient::update_interest() {
  if (loop_ == nullptr || !socket_) return;
  uint32_t events = EPOLLIN;
  if (!outgoing_.empty() || !not_sent_.empty()) events |= EPOLLOUT;
  loop_->modify(socket_.get(), events);
}

void LauncherClient::fail_later(AttemptId id, const char* step, int error) {
  Attempt& attempt = attempts_[id];
  attempt.phase = Attempt::Phase::kNotSent;
  attempt.failure = {step, error, fault_of(error)};
  not_sent_.push_back(id);
  update_interest();
}

void LauncherClient::on_socket(uint32_t events) {
  deliver_failures();
  if ((events & EPOLLOUT) != 0) flush();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive();
}

void LauncherClient::deliver_failures() {
  std::vector<AttemptId> failed;
  failed.swap(not_sent_);  // the callee may start again, and fail again
  for (AttemptId id : failed) {
    StartFailure failure = std::move(attempts_[id].failure);
    forget(id);
    events_->start_failed(id, failure);
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
    auto entry = attempts_.find(started->attempt);
    if (entry == attempts_.end()) return;
    Attempt& attempt = entry->second;
    attempt.phase = Attempt::Phase::kRunning;
    attempt.pid = started->pid;
    // So that the socket of these files does not become full.
    if (kill_files_) kill_files_->find(orders_.group(attempt.order));
    if (!attempt.held) watch_output(started->attempt, attempt);
    events_->started(started->attempt, started->pid);
  } else if (auto* failed = std::get_if<StartFailedMessage>(&*message)) {
    if (!attempts_.contains(failed->attempt)) return;
    forget(failed->attempt);
    events_->start_failed(failed->attempt,
                          {std::string(failed->step), failed->error, failed->fault});
  } else if (auto* killed = std::get_if<KilledMessage>(&*message)) {
    if (attempts_.contains(killed->attempt)) events_->killed(killed->attempt);
  } else if (auto* undying = std::get_if<UndyingMessage>(&*message)) {
    if (attempts_.contains(undying->attempt)) {
      events_->undying(undying->attempt, undying->pid, undying->state);
    }
  } else if (auto* exited = std::get_if<ExitedMessage>(&*message)) {
    finish(exited->attempt, exited->exit);
  }
}

void LauncherClient::watch_output(AttemptId id, Attempt& attempt) {
  if (attempt.watched || !attempt.output) return;
  // If it cannot be watched, the output is still read at the end.
  int error = loop_->add(attempt.output.get(), EPOLLIN, [this, id](uint32_t) { on_output(id); });
  if (error != 0) {
    log_warning("launcher: cannot watch the output of a job: %s", strerror(error));
    return;
  }
  attempt.watched = true;
}

void LauncherClient::unwatch_output(Attempt& attempt) {
  if (attempt.watched) loop_->remove(attempt.output.get());
  attempt.watched = false;
}

void LauncherClient::on_output(AttemptId id) {
  auto entry = attempts_.find(id);
  if (entry == attempts_.end()) return;
  Attempt& attempt = entry->second;
  ssize_t n = read(attempt.output.get(), buffer_.data(), buffer_.size());
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    // All writers have closed it. The attempt may go on without.
    unwatch_output(attempt);
    attempt.output.reset();
    return;
  }
  events_->output(id, {buffer_.data(), static_cast<size_t>(n)});
}

void LauncherClient::finish(AttemptId id, const AttemptExit& exit) {
  auto entry = attempts_.find(id);
  if (entry == attempts_.end()) return;
  unwatch_output(entry->second);
  Fd output = std::move(entry->second.output);
  forget(id);
  for (size_t total = 0; output && total < kMaxDrain;) {
    ssize_t n = read(output.get(), buffer_.data(), buffer_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    events_->output(id, {buffer_.data(), static_cast<size_t>(n)});
    if (static_cast<size_t>(n) < buffer_.size()) break;
    total += static_cast<size_t>(n);
  }
  events_->exited(id, exit);
}

void LauncherClient::gone() {
  if (!socket_) return;
  loop_->remove(socket_.get());
  socket_.reset();
  outgoing_.clear();
  kills_ = 0;
  if (on_gone_) on_gone_();
}

// Waits for the launcher's end. True when it has been reaped.
bool LauncherClient::reap(int64_t timeout_ms) {
  if (!reaped_) reaped_ = reap_within(launcher_, timeout_ms * kNsPerMs);
  return reaped_;
}

int LauncherClient::kill_everything(int64_t timeout_ms) {
  SystemClock clock;
  int64_t deadline = clock.mono_ns() + timeout_ms * kNsPerMs;
  if (!reaped_) {
    ::kill(launcher_, SIGKILL);
    // Its children become ours when it has ended.
    reap(timeout_ms);
  }
  Targets targets;
  std::unordered_set<AttemptId> unended;
  for (const auto& [id, attempt] : attempts_) {
    unended.insert(id);
    if (attempt.phase == Attempt::Phase::kRunning) targets[attempt.pid] = id;
  }
  if (cgroups_ != nullptr) cgroups_->kill();
  for (;;) {
    int left = cgroups_ != nullptr ? static_cast<int>(cgroups_->is_populated())
                                   : kill_adopted(token_, targets, unended);
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (left == 0 || clock.mono_ns() >= deadline) return left;
    timespec pause = to_timespec(kPollNs);
    nanosleep(&pause, nullptr);
  }
}

}  // namespace filed
