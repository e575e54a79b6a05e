// Sends lines to the system's logger, as syslog(3) does, but never waits for it: syslog(3) waits
// while the logger does not read.
#pragma once

#include <string_view>

#include "base/fd.h"

namespace filed {

class SyslogSocket {
 public:
  // `path`: the socket of the logger.
  explicit SyslogSocket(const char* path = "/dev/log") : path_(path) {}

  // Sends a line, without a newline, as program "filed" of facility daemon. `severity`: LOG_ERR and
  // so on. Connects at the first line, and again if the logger was started anew. False: the line is
  // lost, because the logger is absent or has no room.
  bool send(int severity, std::string_view line);

  // The connection, or -1. A process that closes its descriptors keeps it.
  int descriptor() const { return socket_.get(); }

 private:
  bool connect();

  const char* path_;
  Fd socket_;
  bool is_stream_ = false;
};

}  // namespace filed
