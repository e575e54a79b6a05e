#include "base/event_loop.h"

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/clock.h"
#include "base/error.h"

namespace filed {
namespace {

constexpr int kEventsAtOnce = 64;

}  // namespace

EventLoop::EventLoop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw_errno("epoll_create1");
}

int EventLoop::add(int fd, uint32_t events, Handler handler) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return errno;
  watches_[fd] = {std::move(handler), events, next_sequence_number_++};
  return 0;
}

void EventLoop::modify(int fd, uint32_t events) {
  auto watch = watches_.find(fd);
  if (watch == watches_.end() || watch->second.events == events) return;
  watch->second.events = events;
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::remove(int fd) {
  if (watches_.erase(fd) > 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

bool EventLoop::wait(std::optional<int64_t> deadline_ns) {
  int timeout_ms = -1;
  if (deadline_ns) {
    int64_t left = std::max<int64_t>(*deadline_ns - SystemClock().mono_ns(), 0);
    // epoll_wait counts in milliseconds.
    if (left > 0 && left < kNsPerMs) {
      pollfd any = {epoll_.get(), POLLIN, 0};
      timespec pause = to_timespec(left);
      ppoll(&any, 1, &pause, nullptr);  // epoll_wait below takes what has come, also after a signal
      left = 0;
    }
    constexpr int64_t kMaxTimeoutMs = 24 * 3600 * int64_t{1000};
    // Rounded up, because waking just before the deadline would only make the loop spin.
    timeout_ms =
        static_cast<int>(std::min<int64_t>((left + kNsPerMs - 1) / kNsPerMs, kMaxTimeoutMs));
  }
  std::array<epoll_event, kEventsAtOnce> events;
  int count = epoll_wait(epoll_.get(), events.data(), kEventsAtOnce, timeout_ms);
  if (count < 0) return false;  // EINTR comes after SIGSTOP and SIGCONT

  // A handler may close a descriptor while an event of it is still in the list, and open another
  // with the same number. The sequence number, taken before the first call, tells them apart.
  std::array<uint64_t, kEventsAtOnce> sequence_numbers;
  for (int i = 0; i < count; ++i) {
    auto watch = watches_.find(events[i].data.fd);
    sequence_numbers[i] = watch == watches_.end() ? 0 : watch->second.sequence_number;
  }
  for (int i = 0; i < count; ++i) {
    auto watch = watches_.find(events[i].data.fd);
    if (watch == watches_.end() || watch->second.sequence_number != sequence_numbers[i]) continue;
    Handler handler = watch->second.handler;  // a copy: the handler may remove itself
    handler(events[i].events);
  }
  return count > 0;
}

}  // namespace filed
