#include "base/log.h"

#include <syslog.h>

#include <cstdarg>
#include <cstdio>

namespace filed {
namespace {

LogTarget g_target = LogTarget::kStderr;
LogLevel g_level = LogLevel::kInfo;

int syslog_priority(LogLevel level) {
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

void write_line(LogLevel level, const char* format, va_list args) {
  if (level > g_level) return;
  if (g_target == LogTarget::kSyslog) {
    vsyslog(syslog_priority(level), format, args);
    return;
  }
  // One write per line, so that lines of several processes never mix.
  char line[2048] = "filed: ";
  constexpr size_t kPrefix = 7;
  int length = vsnprintf(line + kPrefix, sizeof(line) - kPrefix, format, args);
  if (length < 0) return;
  size_t end = kPrefix + static_cast<size_t>(length);
  if (end > sizeof(line) - 1) end = sizeof(line) - 1;
  line[end++] = '\n';
  fwrite(line, 1, end, stderr);
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
  if (target == LogTarget::kSyslog) openlog("filed", LOG_PID, LOG_DAEMON);
}

#define FILED_LOG_FUNCTION(name, level) \
  void name(const char* format, ...) {  \
    va_list args;                       \
    va_start(args, format);             \
    write_line(level, format, args);    \
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
