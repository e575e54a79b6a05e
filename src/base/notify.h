// Tells the service manager that filed is ready, reads its configuration again, or stops: one
// datagram to the socket that systemd names in $NOTIFY_SOCKET, and one line end to a descriptor, as
// s6 and OpenRC want it. Without them nothing is done.
#pragma once

#include <optional>

namespace filed {

// To be called at the start, before jobs can inherit it: takes $NOTIFY_SOCKET out of the environment.
// `ready_fd` is the descriptor of the option -ready-fd. Throws Error if it is not open for writing.
void notify_setup(std::optional<int> ready_fd);

// The queue is mounted and served.
void notify_ready();
// The configuration is being read again; notify_ready() ends this.
void notify_reloading();
void notify_stopping();

}  // namespace filed
