#include "base/syslog_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>

#include "base/descriptors.h"

namespace filed {
namespace {

// `<PRIORITY>Mmm dd hh:mm:ss filed[PID]: `, in local time.
std::string head_of(int severity) {
  time_t now = time(nullptr);
  tm local{};
  localtime_r(&now, &local);
  char moment[32];
  strftime(moment, sizeof moment, "%b %e %T", &local);
  return "<" + std::to_string(LOG_DAEMON | severity) + ">" + moment + " filed[" +
         std::to_string(getpid()) + "]: ";
}

}  // namespace

bool SyslogSocket::connect() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path_, sizeof address.sun_path - 1);
  // Most loggers read datagrams, some a stream.
  for (int type : {SOCK_DGRAM, SOCK_STREAM}) {
    Fd fd(socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return false;
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      if (errno == EPROTOTYPE) continue;
      return false;
    }
    socket_ = move_up(std::move(fd));
    is_stream_ = type == SOCK_STREAM;
    return static_cast<bool>(socket_);
  }
  return false;
}

bool SyslogSocket::send(int severity, std::string_view line) {
  std::string packet = head_of(severity).append(line);
  for (bool is_new = false; socket_ || connect(); is_new = true) {
    // In a stream, a null byte ends each line.
    size_t size = packet.size() + (is_stream_ ? 1 : 0);
    ssize_t n = ::send(socket_.get(), packet.c_str(), size, MSG_NOSIGNAL);
    if (n == static_cast<ssize_t>(size)) return true;
    if (n < 0 && errno == EAGAIN) return false;
    // The logger has ended, or a stream took a part: the next line needs a new connection.
    socket_.reset();
    if (n >= 0 || is_new) return false;
  }
  return false;
}

}  // namespace filed
