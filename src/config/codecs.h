// Codecs: how the values of one type of setting are read and written. A codec has
//
//   kType      the type's name for people
//   kBounds    the least and the largest value, for a type of numbers
//   parse()    returns nothing for a text that is no value of the type, with the cause in `reason`
//   print()    writes a value so that parse() reads the same back
//
// Only the table of settings (keys.cc) uses them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/text.h"
#include "config/keys.h"
#include "config/units.h"
#include "sandbox/spec.h"

namespace filed {

struct Duration {
  static constexpr std::string_view kType = "duration";
  static constexpr Bounds kBounds{0, kMaxDurationMs, format_duration};

  static std::optional<int64_t> parse(std::string_view text, std::string& reason) {
    return parse_duration(text, reason);
  }
  static std::string print(int64_t value) { return format_duration(value); }
};

// A duration in whole seconds, because setrlimit(2) counts seconds. The value is in seconds.
struct Seconds {
  static constexpr int64_t kMsPerSecond = 1000;
  static constexpr std::string_view kType = "seconds";

  static std::optional<int64_t> parse(std::string_view text, std::string& reason) {
    auto ms = parse_duration(text, reason);
    if (!ms) return std::nullopt;
    if (*ms == 0 || *ms % kMsPerSecond != 0) {
      reason = quoted(text) + " is not a whole number of seconds, from 1s";
      return std::nullopt;
    }
    return *ms / kMsPerSecond;
  }
  static std::string print(int64_t value) { return format_duration(value * kMsPerSecond); }

  static constexpr Bounds kBounds{1, kMaxDurationMs / kMsPerSecond, print};
};

inline std::optional<int64_t> parse_size_between(std::string_view text, int64_t min, int64_t max,
                                                 std::string& reason) {
  auto bytes = parse_size(text, reason);
  if (!bytes || (*bytes >= min && *bytes <= max)) return bytes;
  reason = out_of_range(text, format_size(min), format_size(max));
  return std::nullopt;
}

template <int64_t kMin, int64_t kMax>
struct Size {
  static constexpr std::string_view kType = "size";
  static constexpr Bounds kBounds{kMin, kMax, format_size};

  static std::optional<int64_t> parse(std::string_view text, std::string& reason) {
    return parse_size_between(text, kMin, kMax, reason);
  }
  static std::string print(int64_t value) { return format_size(value); }
};

template <int64_t kMin, int64_t kMax>
struct Number {
  static constexpr std::string_view kType = "number";

  static std::optional<int64_t> parse(std::string_view text, std::string& reason) {
    return parse_number(text, kMin, kMax, reason);
  }
  static std::string print(int64_t value) { return std::to_string(value); }

  static constexpr Bounds kBounds{kMin, kMax, print};
};

template <int kMin, int kMax>
struct Fraction {
  static constexpr std::string_view kType = "fraction";

  static std::optional<double> parse(std::string_view text, std::string& reason) {
    return parse_fraction(text, kMin, kMax, reason);
  }
  static std::string print(double value) { return format_fraction(value); }

  static constexpr Bounds kBounds{kMin, kMax,
                                  [](int64_t value) { return print(static_cast<double>(value)); }};
};

struct Mode {
  static constexpr std::string_view kType = "mode";
  static constexpr Bounds kBounds{
      0, 07777, [](int64_t value) { return format_mode(static_cast<mode_t>(value)); }};

  static std::optional<mode_t> parse(std::string_view text, std::string& reason) {
    return parse_mode(text, reason);
  }
  static std::string print(mode_t value) { return format_mode(value); }
};

struct Port {
  static constexpr std::string_view kType = "port";
  static constexpr Bounds kBounds{1, 65535, [](int64_t value) { return std::to_string(value); }};

  static std::optional<uint16_t> parse(std::string_view text, std::string& reason) {
    return parse_port(text, reason);
  }
};

// The words that an enumeration is written with, in the order of its values.
inline constexpr std::string_view kDurabilityWords[] = {"full", "normal"};
inline constexpr std::string_view kAllowOtherWords[] = {"auto", "yes", "no"};
inline constexpr std::string_view kLogTargetWords[] = {"stderr", "syslog"};
inline constexpr std::string_view kLogLevelWords[] = {"error", "warning", "info", "debug"};
inline constexpr std::string_view kNetworkWords[] = {"all", "none"};
inline constexpr std::string_view kUseCgroupsWords[] = {"auto", "required"};
inline constexpr std::string_view kKillLeftoversWords[] = {"session", "all"};
inline constexpr std::string_view kBoolWords[] = {"no", "yes"};

inline std::optional<size_t> parse_choice(std::string_view text,
                                          std::span<const std::string_view> words,
                                          std::string& reason) {
  auto found = std::find(words.begin(), words.end(), text);
  if (found != words.end()) return static_cast<size_t>(found - words.begin());
  reason = quoted(text) + " is none of ";
  for (std::string_view word : words) {
    if (word != words.front()) reason += ", ";
    reason += word;
  }
  return std::nullopt;
}

// A value that is one of a few words.
template <const auto& kWords>
struct Choice {
  static constexpr std::string_view kType = "choice";

  static std::optional<size_t> parse(std::string_view text, std::string& reason) {
    return parse_choice(text, kWords, reason);
  }
  template <typename T>
  static std::string print(T value) {
    return std::string(kWords[static_cast<size_t>(value)]);
  }
};

// Any text, also an empty one.
struct Text {
  static constexpr std::string_view kType = "text";

  static std::optional<std::string> parse(std::string_view text, std::string&) {
    return std::string(text);
  }
  static std::string print(const std::string& value) { return value; }
};

// A name, such as a user's. What it names is looked up when it is used.
struct Word {
  static constexpr std::string_view kType = "word";

  static std::optional<std::string> parse(std::string_view text, std::string& reason) {
    if (!text.empty()) return std::string(text);
    reason = "no value";
    return std::nullopt;
  }
  static std::string print(const std::string& value) { return value; }
};

struct Path {
  static constexpr std::string_view kType = "path";

  static std::optional<std::string> parse(std::string_view text, std::string& reason) {
    auto path = Word::parse(text, reason);
    if (!path) return std::nullopt;
    auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' '; };
    if (path->front() != '/') {
      reason = quoted(text) + " is not an absolute path";
    } else if (std::any_of(path->begin(), path->end(), is_control)) {
      reason = quoted(text) + " has a control character in it";
    } else {
      return path;
    }
    return std::nullopt;
  }
  static std::string print(const std::string& value) { return value; }
};

// Endings of file names, with blanks between them; "none" is an empty value.
struct Endings {
  static constexpr std::string_view kType = "endings";
  static constexpr std::string_view kNone = "none";

  static std::optional<std::string> parse(std::string_view text, std::string& reason) {
    auto words = Word::parse(text, reason);
    if (!words) return std::nullopt;
    if (text == kNone) return std::string();
    if (text.find('/') != text.npos) {
      reason = quoted(text) + " has a slash in it, which no name has";
      return std::nullopt;
    }
    std::string endings;
    for (const std::string& word : split(text, ' ')) {
      if (word.empty()) continue;
      if (!endings.empty()) endings += ' ';
      endings += word;
    }
    return endings;
  }
  static std::string print(const std::string& value) {
    return value.empty() ? std::string(kNone) : value;
  }
};

// A path that the sandbox grants.
template <bool kWritable>
struct Grant {
  static constexpr std::string_view kType = "path";

  static std::optional<PathGrant> parse(std::string_view text, std::string& reason) {
    auto path = Path::parse(text, reason);
    if (!path) return std::nullopt;
    return PathGrant{*path, kWritable, false};
  }
};

}  // namespace filed
