// inih takes its lines from a reader function. That function checks each line and counts them,
// because inih does not tell line numbers. It removes blanks in front of a line, because some
// builds of inih would take such a line as a continuation of the one before. After an error it
// returns the end of the text. inih's result is the number of the first line that inih itself does
// not understand.
#include "config/ini.h"

#include <ini.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace filed {
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct Stream {
  std::string_view rest;
  IniSink& sink;
  int line = 0;
  std::optional<IniError> error;

  // Notes the error of the current line, if it is the first.
  void fail(std::string reason) {
    if (!error) error = IniError{line, std::move(reason)};
  }
};

// Checks a line that begins a section, because inih reports neither an empty section nor text
// behind the bracket.
bool check_heading(std::string_view text, IniSink& sink, std::string& reason) {
  size_t end = text.find(']');
  if (end == text.npos) {
    reason = "no `]` behind the section's name";
    return false;
  }
  size_t next = text.find_first_not_of(kBlanks, end + 1);
  if (next != text.npos && text[next] != ';' && text[next] != '#') {
    reason = "text behind the [section]; a key needs a line of its own";
    return false;
  }
  return sink.on_section(text.substr(1, end - 1), reason);
}

// inih's reader: puts the next line, its newline and a NUL into `buffer`.
char* read_line(char* buffer, int size, void* context) {
  Stream& stream = *static_cast<Stream*>(context);
  if (stream.error || stream.rest.empty()) return nullptr;
  ++stream.line;
  size_t length = std::min(stream.rest.find('\n'), stream.rest.size());
  std::string_view text = stream.rest.substr(0, length);
  stream.rest.remove_prefix(std::min(length + 1, stream.rest.size()));

  size_t longest = std::min(kMaxIniLine, static_cast<size_t>(size) - 2);
  if (text.size() > longest) {
    stream.fail("a line of " + std::to_string(text.size()) + " bytes; at most " +
                std::to_string(longest) + " can be read");
    return nullptr;
  }
  if (text.find('\0') != text.npos) {
    stream.fail("a NUL byte");
    return nullptr;
  }
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  std::string reason;
  if (text.starts_with('[') && !check_heading(text, stream.sink, reason)) {
    stream.fail(std::move(reason));
    return nullptr;
  }
  std::memcpy(buffer, text.data(), text.size());
  std::memcpy(buffer + text.size(), "\n", 2);
  return buffer;
}

// inih's handler. Returns 0 for an error.
int take_value(void* context, const char* section, const char* name, const char* value) {
  Stream& stream = *static_cast<Stream*>(context);
  if (stream.error) return 0;
  std::string reason;
  if (*name == '\0') {
    stream.fail("no key before the `=`");
    return 0;
  }
  if (!stream.sink.on_value(stream.line, section, name, value, reason)) {
    stream.fail(std::move(reason));
    return 0;
  }
  return 1;
}

}  // namespace

std::optional<IniError> parse_ini(std::string_view text, IniSink& sink) {
  if (text.size() > kMaxIniBytes) {
    return IniError{0, "larger than " + std::to_string(kMaxIniBytes) + " bytes"};
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());

  Stream stream{text, sink, 0, std::nullopt};
  int result = ini_parse_stream(read_line, &stream, take_value, &stream);
  if (result < 0) return IniError{0, "out of memory"};
  bool is_ours = stream.error && (result == 0 || stream.error->line <= result);
  if (result == 0 || is_ours) return stream.error;
  return IniError{result, "neither `key = value` nor [section]"};
}

}  // namespace filed
