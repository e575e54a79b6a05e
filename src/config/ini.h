// Reads an INI text with inih. Refuses what inih would accept silently: a line longer than
// its buffer, a NUL byte, text behind a [section].
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace filed {

// The longest line, without its newline: inih's buffer of 200 bytes also holds "\n" and NUL.
constexpr size_t kMaxIniLine = 198;

// The largest text. A larger file is probably not a configuration.
constexpr size_t kMaxIniBytes = size_t{1} << 20;

struct IniError {
  int line = 0;  // from 1; 0: the text as a whole
  std::string reason;
};

// Takes what a text says, in order. Each function returns false to refuse it, and then puts the
// cause into `reason`.
class IniSink {
 public:
  virtual ~IniSink() = default;

  // A [section] begins.
  virtual bool on_section(std::string_view section, std::string& reason) = 0;

  // `name = value`, both without blanks around them; `section` is empty before the first one.
  virtual bool on_value(int line, std::string_view section, std::string_view name,
                        std::string_view value, std::string& reason) = 0;
};

// Hands `text` to `sink`, line by line, and stops at the first error, which it returns. A line may
// be indented: it never continues the one before it. `;` or `#` at the start of a line, or `;`
// behind a blank, begins a comment.
std::optional<IniError> parse_ini(std::string_view text, IniSink& sink);

}  // namespace filed
