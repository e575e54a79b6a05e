#include "base/log.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <ctime>

#include "base/line_writer.h"
#include "base/syslog_socket.h"

namespace filed {
namespace {

constexpr std::string_view kPrefix = "filed: ";  // of a line on stderr
constexpr size_t kMaxLine = 2048;

LogTarget g_target = LogTarget::kStderr;
LogLevel g_level = LogLevel::kInfo;
uint64_t g_lost = 0;  // lines, since one was last written

LineWriter& on_stderr() {
  static LineWriter writer(STDERR_FILENO);
  return writer;
}

SyslogSocket& logger() {
  static SyslogSocket socket;
  return socket;
}

// True if root's filed was started by a supervisor that throws away what it prints.
bool is_stderr_discarded() {
  static const bool is_null = [] {
    struct stat st {};
    return geteuid() == 0 && fstat(STDERR_FILENO, &st) == 0 && S_ISCHR(st.st_mode) &&
           st.st_rdev == makedev(1, 3);
  }();
  return is_null;
}

int syslog_severity(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return LOG_ERR;
    case LogLevel::kWarning:
      return LOG_WARNING;
    case LogLevel::kInfo:
      return LOG_INFO;
    case LogLevel::kDebug:
      break;
  }
  return LOG_DEBUG;
}

// One write a line, so that lines of several processes never mix.
bool write_to_stderr(std::string_view text) {
  std::string line(kPrefix);
  line += text.substr(0, kMaxLine - kPrefix.size() - 1);
  line += '\n';
  return on_stderr().write(line);
}

bool write_line(LogLevel level, std::string_view text) {
  if (g_target == LogTarget::kStderr && !is_stderr_discarded()) return write_to_stderr(text);
  return logger().send(syslog_severity(level), text);
}

// Before the first line that has room again.
bool tell_lost_lines() {
  if (g_lost == 0) return true;
  std::string text = std::to_string(g_lost) + (g_lost == 1 ? " line lost" : " lines lost");
  if (!write_line(LogLevel::kWarning, text)) return false;
  g_lost = 0;
  return true;
}

void log_line(LogLevel level, const char* format, va_list args) {
  if (!log_shows(level)) return;
  char text[kMaxLine];
  if (vsnprintf(text, sizeof text, format, args) < 0) return;
  if (!tell_lost_lines() || !write_line(level, text)) ++g_lost;
}

// The length of the UTF-8 sequence at the start of `text`, or 0 if there is none.
size_t utf8_length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  size_t length = byte(0) < 0x80   ? 1
                  : byte(0) < 0xc2 ? 0
                  : byte(0) < 0xe0 ? 2
                  : byte(0) < 0xf0 ? 3
                                   : 4;
  if (byte(0) > 0xf4 || length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

void log_setup(LogTarget target, LogLevel level) {
  g_target = target;
  g_level = level;
  // What is opened here may be out of reach later: the file of stderr and that of the time zone.
  on_stderr();
  if (target == LogTarget::kSyslog || is_stderr_discarded()) tzset();
}

bool log_shows(LogLevel level) { return level <= g_level; }

void print_error(const std::string& text) {
  write_to_stderr(text);
  if (is_stderr_discarded()) logger().send(LOG_ERR, text);
}

std::vector<int> log_descriptors() {
  std::vector<int> open;
  for (int fd : {on_stderr().own_descriptor(), logger().descriptor()}) {
    if (fd >= 0) open.push_back(fd);
  }
  return open;
}

#define FILED_LOG_FUNCTION(name, level) \
  void name(const char* format, ...) {  \
    va_list args;                       \
    va_start(args, format);             \
    log_line(level, format, args);      \
    va_end(args);                       \
  }
FILED_LOG_FUNCTION(log_error, LogLevel::kError)
FILED_LOG_FUNCTION(log_warning, LogLevel::kWarning)
FILED_LOG_FUNCTION(log_info, LogLevel::kInfo)
FILED_LOG_FUNCTION(log_debug, LogLevel::kDebug)
#undef FILED_LOG_FUNCTION

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    auto first = static_cast<unsigned char>(text[0]);
    size_t length = utf8_length(text);
    bool is_c1 = length == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0;
    if (length == 0 || first < 0x20 || first == 0x7f || first == '\\' || is_c1) {
      char escape[5];
      snprintf(escape, sizeof escape, "\\x%02x", first);
      out += escape;
      text.remove_prefix(1);
      continue;
    }
    out += text.substr(0, length);
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace filed
