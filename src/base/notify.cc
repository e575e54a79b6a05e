#include "base/notify.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"

namespace filed {
namespace {

struct Manager {
  Fd socket;  // connected, because its path may be out of reach later
  Fd ready;
};

Manager& manager() {
  static Manager instance;
  return instance;
}

Fd connect_to(const std::string& place) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (place.size() >= sizeof address.sun_path) return Fd();
  memcpy(address.sun_path, place.c_str(), place.size());
  // "@name" is an abstract socket: its name begins with a null byte.
  if (place[0] == '@') address.sun_path[0] = '\0';
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + place.size());
  Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return Fd();
  return fd;
}

void tell(const std::string& state) {
  const Fd& fd = manager().socket;
  if (!fd) return;
  if (send(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    log_warning("cannot tell the service manager: %s", strerror(errno));
  }
}

}  // namespace

void notify_setup(std::optional<int> ready_fd) {
  if (const char* place = getenv("NOTIFY_SOCKET"); place != nullptr && *place != '\0') {
    manager().socket = connect_to(place);
    if (!manager().socket)
      log_warning("NOTIFY_SOCKET %s: %s", escaped(place).c_str(), strerror(errno));
  }
  unsetenv("NOTIFY_SOCKET");
  if (!ready_fd) return;
  int flags = fcntl(*ready_fd, F_GETFL);
  if (flags < 0) throw_errno("-ready-fd " + std::to_string(*ready_fd));
  if ((flags & O_ACCMODE) == O_RDONLY) throw_errno("-ready-fd " + std::to_string(*ready_fd), EBADF);
  fcntl(*ready_fd, F_SETFD, FD_CLOEXEC);
  manager().ready.reset(*ready_fd);
}

void notify_ready() {
  tell("READY=1");
  Fd& fd = manager().ready;
  if (fd && write(fd.get(), "\n", 1) != 1) {
    log_warning("cannot tell the service manager: %s", strerror(errno));
  }
  fd.reset();
}

// systemd wants to know when, to tell this message from an earlier one.
void notify_reloading() {
  int64_t now_us = SystemClock().mono_ns() / 1000;
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now_us));
}

void notify_stopping() { tell("STOPPING=1"); }

}  // namespace filed
