// Waits on descriptors with epoll and calls the handlers of those that are ready. One thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/fd.h"

namespace filed {

class EventLoop {
 public:
  // Called with the epoll events (EPOLLIN and so on) that have come.
  using Handler = std::function<void(uint32_t events)>;

  EventLoop();  // throws Error

  // Watches `fd`, level-triggered, until remove(). The descriptor stays the caller's. Returns 0 or
  // an errno (ENOSPC: too many watches, ENOMEM).
  int add(int fd, uint32_t events, Handler handler);
  // Watches for these events instead. No system call if they are the same as before.
  void modify(int fd, uint32_t events);

  void remove(int fd);

  // Waits for events, at most until `deadline_ns` (CLOCK_MONOTONIC; empty: for ever), and calls
  // their handlers. A handler may add and remove descriptors, its own too. Returns whether there
  // was any.
  bool wait(std::optional<int64_t> deadline_ns);

 private:
  struct Watch {
    Handler handler;
    uint32_t events;
    uint64_t sequence_number;  // tells a descriptor from an earlier one with the same number
  };

  Fd epoll_;
  uint64_t next_sequence_number_ = 1;
  std::unordered_map<int, Watch> watches_;
};

}  // namespace filed
