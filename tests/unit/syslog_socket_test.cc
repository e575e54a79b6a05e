// What a logger gets, and that nothing waits for it.
#include "base/syslog_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "temp_dir.h"

using namespace filed;

namespace {

// A logger that reads only when it is told to.
class Logger {
 public:
  Logger(const std::string& path, int type) : socket_(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    REQUIRE(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    if (type == SOCK_STREAM) REQUIRE(listen(socket_.get(), 1) == 0);
  }

  void accept() { socket_.reset(::accept(socket_.get(), nullptr, nullptr)); }

  // The next packet, or nothing if there is none.
  std::string read() {
    char buffer[4096];
    ssize_t n = recv(socket_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    return n < 0 ? "" : std::string(buffer, static_cast<size_t>(n));
  }

 private:
  Fd socket_;
};

struct Rig {
  TempDir dir;
  const std::string path = dir.file("log");
  SyslogSocket socket{path.c_str()};
};

}  // namespace

TEST_CASE_METHOD(Rig, "a logger gets priority, time, program and process", "[log]") {
  Logger logger(path, SOCK_DGRAM);
  REQUIRE(socket.send(LOG_WARNING, "a line"));
  std::string packet = logger.read();
  std::string end = " filed[" + std::to_string(getpid()) + "]: a line";
  CHECK(packet.starts_with("<28>"));
  CHECK(packet.ends_with(end));
  CHECK(packet.size() == 4 + strlen("Jan  1 00:00:00") + end.size());
}

TEST_CASE_METHOD(Rig, "a logger that does not read loses lines", "[log]") {
  Logger logger(path, SOCK_DGRAM);
  int sent = 0;
  while (sent < 10000 && socket.send(LOG_INFO, std::string(1000, 'x'))) ++sent;
  CHECK(sent > 0);
  CHECK(sent < 10000);
  while (!logger.read().empty()) {
  }
  CHECK(socket.send(LOG_INFO, "next"));
  CHECK(logger.read().ends_with("next"));
}

TEST_CASE_METHOD(Rig, "a logger that is started anew gets the next line", "[log]") {
  CHECK_FALSE(socket.send(LOG_INFO, "nobody is here"));
  {
    Logger first(path, SOCK_DGRAM);
    CHECK(socket.send(LOG_INFO, "first"));
  }
  CHECK_FALSE(socket.send(LOG_INFO, "it has gone"));
  unlink(path.c_str());
  Logger second(path, SOCK_DGRAM);
  CHECK(socket.send(LOG_INFO, "second"));
  CHECK(second.read().ends_with("second"));
}

TEST_CASE_METHOD(Rig, "a logger that reads a stream gets lines that end with a null byte",
                 "[log]") {
  Logger logger(path, SOCK_STREAM);
  REQUIRE(socket.send(LOG_INFO, "a line"));
  logger.accept();
  std::string packet = logger.read();
  CHECK(packet.ends_with(std::string("a line\0", 7)));
}
