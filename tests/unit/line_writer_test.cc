// What a line meets on its way to a reader: no room, half the room, nobody.
#include "base/line_writer.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <string>

#include "temp_dir.h"

using namespace filed;

namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  Fd reader;
  Fd writer;
};

bool is_nonblocking(int fd) { return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

// Writes until a line is lost. Returns how many were written.
int fill(LineWriter& writer) {
  const std::string line = std::string(1000, 'x') + "\n";
  for (int n = 0; n < 10000; ++n) {
    if (!writer.write(line)) return n;
  }
  return -1;
}

// What is there to be read, without waiting for more.
std::string drain(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  std::string all;
  char buffer[4096];
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) all.append(buffer, n);
  return all;
}

void check_whole_lines(const std::string& text) {
  CHECK(text.ends_with("\n"));
  size_t start = 0;
  for (size_t end; (end = text.find('\n', start)) != text.npos; start = end + 1) {
    if (end - start != 1000 && text.substr(start, end - start) != "next") FAIL("a torn line");
  }
}

// Fills what `end` refers to, and reads it: what comes are whole lines, also after those that are lost,
// and the flags of `end` stay as they are.
void check_loses_whole_lines(LineWriter& writer, int end, int reader) {
  CHECK(fill(writer) > 0);
  CHECK_FALSE(is_nonblocking(end));
  std::string text = drain(reader);
  CHECK(writer.write("next\n"));
  check_whole_lines(text + drain(reader));
}

}  // namespace

TEST_CASE("a full pipe loses lines, and its flags stay as they are", "[log]") {
  Pipe pipe;
  LineWriter writer(pipe.writer.get());
  check_loses_whole_lines(writer, pipe.writer.get(), pipe.reader.get());
}

TEST_CASE("a FIFO that cannot be opened a second time loses lines, too", "[log]") {
  TempDir dir;
  std::string path = dir.file("fifo");
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  Fd reader(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  Fd other(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  // Nobody reads it at the moment of the second open.
  reader.reset();
  LineWriter writer(other.get());
  REQUIRE(writer.own_descriptor() == -1);
  reader.reset(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  CHECK(fill(writer) > 0);
  check_whole_lines(drain(reader.get()));
}

TEST_CASE("a full socket loses lines; one that took a part gets the rest first", "[log]") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Fd reader(ends[0]);
  Fd end(ends[1]);
  LineWriter writer(end.get());
  check_loses_whole_lines(writer, end.get(), reader.get());
}

TEST_CASE("a terminal that was stopped loses lines and goes on with whole ones", "[log]") {
  int ends[2];
  REQUIRE(openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr) == 0);
  Fd master(ends[0]);
  Fd slave(ends[1]);
  termios raw{};
  tcgetattr(slave.get(), &raw);
  cfmakeraw(&raw);
  tcsetattr(slave.get(), TCSANOW, &raw);
  LineWriter writer(slave.get());
  REQUIRE(tcflow(slave.get(), TCOOFF) == 0);
  CHECK_FALSE(writer.write("lost\n"));
  REQUIRE(tcflow(slave.get(), TCOON) == 0);
  check_loses_whole_lines(writer, slave.get(), master.get());
}

TEST_CASE("a file gets every line, at the place that it shares with others", "[log]") {
  TempDir dir;
  Fd file(open(dir.file("log").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(write(file.get(), "before\n", 7) == 7);
  LineWriter writer(file.get());
  CHECK(writer.own_descriptor() == -1);
  CHECK(writer.write("a\n"));
  CHECK(writer.write("b\n"));
  lseek(file.get(), 0, SEEK_SET);
  CHECK(drain(file.get()) == "before\na\nb\n");
}

TEST_CASE("lines for a reader that has gone are lost", "[log]") {
  Pipe pipe;
  LineWriter writer(pipe.writer.get());
  pipe.reader.reset();
  auto before = signal(SIGPIPE, SIG_IGN);  // as filed does
  CHECK_FALSE(writer.write("x\n"));
  signal(SIGPIPE, before);
}
