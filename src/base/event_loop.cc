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
  watches_[fd] = {std::move(handler), next_serial_++};
  return 0;
}

void EventLoop::modify(int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::remove(int fd) {
  if (watches_.erase(fd) > 0) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

bool EventLoop::wait(int64_t deadline_ns) {
  int timeout_ms = -1;
  if (deadline_ns >= 0) {
    int64_t left = std::max<int64_t>(deadline_ns - SystemClock().mono_ns(), 0);
    // epoll_wait counts in milliseconds.
    if (left > 0 && left < kNsPerMs) {
      pollfd any = {epoll_.get(), POLLIN, 0};
      timespec pause = to_timespec(left);
      ppoll(&any, 1, &pause, nullptr);  // what has come is asked for below, also after a signal
      left = 0;
    }
    constexpr int64_t kLongest = 24 * 3600 * int64_t{1000};
    // Rounded up: waking just before the deadline would only make the loop spin.
    timeout_ms = static_cast<int>(std::min<int64_t>((left + kNsPerMs - 1) / kNsPerMs, kLongest));
  }
  std::array<epoll_event, kEventsAtOnce> events;
  int count = epoll_wait(epoll_.get(), events.data(), kEventsAtOnce, timeout_ms);
  // So it comes back from SIGSTOP and SIGCONT. What has happened meanwhile goes before the
  // deadlines that have passed.
  if (count < 0 && errno == EINTR) {
    count = epoll_wait(epoll_.get(), events.data(), kEventsAtOnce, 0);
  }
  if (count < 0) return false;

  // A handler may close a descriptor whose event is still in the list, and open another with its
  // number: the serial, taken before the first call, tells them apart.
  std::array<uint64_t, kEventsAtOnce> serials;
  for (int i = 0; i < count; ++i) {
    auto watch = watches_.find(events[i].data.fd);
    serials[i] = watch == watches_.end() ? 0 : watch->second.serial;
  }
  for (int i = 0; i < count; ++i) {
    auto watch = watches_.find(events[i].data.fd);
    if (watch == watches_.end() || watch->second.serial != serials[i]) continue;
    Handler handler = watch->second.handler;  // a copy: the handler may remove itself
    handler(events[i].events);
  }
  return count > 0;
}

}  // namespace filed
