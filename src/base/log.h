// The daemon's log: one line an event, to stderr or to syslog. No process waits for the
// log's reader. If there is no space for a line, it is lost. The next line is preceded by the number
// of lines lost.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace filed {

enum class LogLevel { kError, kWarning, kInfo, kDebug };
enum class LogTarget { kStderr, kSyslog };

// Chooses where lines go and which are dropped. Before the first call: stderr, info.
void log_setup(LogTarget target, LogLevel level);

// The descriptors that the log needs besides stderr. A process that closes its descriptors keeps
// them.
std::vector<int> log_descriptors();

// True if lines of this level are not dropped.
bool log_shows(LogLevel level);

// Prints one line to stderr, also if the log goes to syslog: why a program that is started ends.
void print_error(const std::string& text);

// printf-style, without a newline at the end. Text from users must go through escaped() first.
void log_error(const char* format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char* format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char* format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char* format, ...) __attribute__((format(printf, 1, 2)));

// `text` with control characters, backslashes and bytes that are not UTF-8 written as \xNN, so that
// no id can forge a line of the log or control a terminal.
std::string escaped(std::string_view text);

}  // namespace filed
