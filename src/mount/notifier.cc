// How the serving process knows which of its own moves a request of the notifier repeats. The two
// share a socket and a counter. Moves go through the socket to the notifier. The notifier raises
// the counter after each system call has returned, and before it makes the next. So when a request
// of the notifier arrives, it repeats the first move that is not counted yet.
#include "mount/notifier.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <utility>
#include <vector>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/log.h"
#include "base/privileges.h"
#include "launcher/own_mount.h"
#include "launcher/protocol.h"

namespace filed {
namespace {

// To move a job regardless of the rights of the directories, and to unmount.
constexpr Capabilities kNeeded =
    capability(CAP_DAC_OVERRIDE) | capability(CAP_FOWNER) | capability(CAP_SYS_ADMIN);

constexpr int kSocket = 3;
constexpr char kMounted = 'm';
constexpr char kUnmount = 'd';
constexpr char kReplay = 'r';
constexpr char kRemoved = 'x';  // in place of the directory that a job has moved to

// An event is a packet: kReplay, code_of(from), code_of(to) or kRemoved, the job's id.
constexpr size_t kIdOffset = 3;
constexpr size_t kMaxPacket = kIdOffset + kMaxIdLength;

char code_of(Dir dir) { return static_cast<char>('0' + static_cast<int>(dir)); }

std::optional<Dir> dir_of_code(char code) {
  if (code < '0' || code >= '0' + kDirs) return std::nullopt;
  return static_cast<Dir>(code - '0');
}

class NotifierProcess {
 public:
  NotifierProcess(OwnMount mount, std::atomic<uint32_t>& done)
      : mount_(std::move(mount)), done_(done) {}

  // Returns when filed has ended, which closes the socket, or after an order to unmount.
  void serve() {
    char packet[kMaxPacket + 1];
    while (true) {
      Fd descriptor;
      ssize_t size = receive_with_descriptor(kSocket, packet, kMaxPacket, 0, descriptor);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return;
      packet[size] = '\0';
      switch (packet[0]) {
        case kMounted:
          mount_.note(std::move(descriptor));
          break;
        case kReplay:
          if (size > static_cast<ssize_t>(kIdOffset)) replay(packet);
          done_.fetch_add(1, std::memory_order_release);
          break;
        case kUnmount:
          for (Fd& fd : directories_) fd.reset();
          mount_.unmount();
          return;
        default:
          return;
      }
    }
  }

 private:
  int directory(Dir dir) {
    Fd& fd = directories_[static_cast<size_t>(dir)];
    if (!fd)
      fd.reset(openat(mount_.root(), dir_name(dir).data(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return fd.get();
  }

  void replay(const char* packet) {
    auto from = dir_of_code(packet[1]);
    auto to = dir_of_code(packet[2]);
    const char* id = packet + kIdOffset;
    // An id without a slash cannot leave its directory. The calls fail for "." and "..".
    if (mount_.root() < 0 || !from || strchr(id, '/') != nullptr) return;
    // Errors are ignored: the job has moved again. The kernel asks again about the old place,
    // because it caches no names of jobs.
    if (to) {
      renameat(directory(*from), id, directory(*to), id);
    } else {
      unlinkat(directory(*from), id, 0);
    }
  }

  OwnMount mount_;
  std::atomic<uint32_t>& done_;
  std::array<Fd, kDirs> directories_;  // opened at their first use
};

// Makes the socket descriptor kSocket, and closes all above it but the log's.
void keep_only(int socket) {
  if (socket != kSocket) dup2(socket, kSocket);
  fcntl(kSocket, F_SETFD, FD_CLOEXEC);
  std::vector<int> keep = log_descriptors();
  keep.push_back(kSocket);
  close_descriptors_but(std::move(keep));
}

[[noreturn]] void run_notifier(OwnMount mount, int socket, std::atomic<uint32_t>& done) {
  prctl(PR_SET_NAME, "filed-notifier");
  prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
  setsid();
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  keep_only(socket);
  if (chdir("/") != 0) log_warning("notifier: /: %s", strerror(errno));
  try {
    if (geteuid() == 0) {
      drop_bounding_set();  // so that an exec could not give rights back
      prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
      keep_capabilities(kNeeded, kNeeded);
    } else {
      keep_capabilities(0, 0);
    }
    NotifierProcess(std::move(mount), done).serve();
  } catch (const std::exception& error) {
    log_error("notifier: %s", error.what());
  }
  _exit(0);
}

}  // namespace

Notifier::Notifier(const std::string& mount_dir, bool use_fusermount) {
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw_errno("notifier: memory");
  shared_ = new (memory) Shared;
  static_assert(std::atomic<uint32_t>::is_always_lock_free);
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) throw_errno("socketpair");
  socket_.reset(pair[0]);
  Fd theirs(pair[1]);
  pid_ = fork();
  if (pid_ < 0) throw_errno("fork");
  if (pid_ == 0) run_notifier(OwnMount(mount_dir, use_fusermount), theirs.get(), shared_->done);
}

Notifier::~Notifier() {
  disconnect();
  munmap(shared_, sizeof(Shared));
}

void Notifier::attach(EventLoop& loop) {
  loop_ = &loop;
  int error = loop.add(socket_.get(), EPOLLIN, [this](uint32_t events) {
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return send_waiting();
    log_error("the notifier is gone: inotify no longer tells of moves that filed makes");
    disconnect();
  });
  if (error != 0) throw_errno("notifier: epoll", error);
}

void Notifier::mounted(Fd root) {
  PacketView packet{{&kMounted, 1}, {root.get(), -1}};
  send_packets(socket_.get(), &packet, 1, true);
}

bool Notifier::push(Event event) {
  if (!socket_) return false;
  forget_done();
  if (waiting_.size() >= kMaxWaiting) {
    if (!dropping_) log_warning("inotify events lag behind: further ones are left out");
    dropping_ = true;
    return false;
  }
  waiting_.push(std::move(event));
  send_waiting();
  return true;
}

const Notifier::Event& Notifier::current() {
  static const Event kNone;
  forget_done();
  return waiting_.empty() ? kNone : waiting_.front();
}

bool Notifier::is_busy() {
  forget_done();
  return !waiting_.empty();
}

bool Notifier::is_superseded() {
  forget_done();
  return !waiting_.empty() && waiting_.is_front_superseded();
}

void Notifier::forget_done() {
  uint32_t done = shared_->done.load(std::memory_order_acquire);
  for (; forgotten_ != done && sent_ > 0; ++forgotten_, --sent_) waiting_.pop();
  if (waiting_.empty()) dropping_ = false;
}

void Notifier::send_waiting() {
  while (socket_ && sent_ < waiting_.size()) {
    const Event& event = waiting_.at(sent_);
    std::string packet = {kReplay, code_of(event.from), event.to ? code_of(*event.to) : kRemoved};
    packet += event.job.id;
    if (send(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) break;
    ++sent_;
  }
  if (loop_ == nullptr || !socket_) return;
  loop_->modify(socket_.get(), EPOLLIN | (sent_ < waiting_.size() ? EPOLLOUT : 0U));
}

void Notifier::disconnect() {
  if (socket_ && loop_ != nullptr) loop_->remove(socket_.get());
  socket_.reset();
  waiting_.clear();
  sent_ = 0;
}

bool Notifier::unmount(int timeout_ms) {
  if (!socket_) return false;
  // The process reads this after the events that it has not replayed yet. Their calls fail fast.
  if (send(socket_.get(), &kUnmount, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return false;
  pollfd ended = {socket_.get(), POLLIN, 0};
  return poll(&ended, 1, timeout_ms) == 1;
}

}  // namespace filed
