// Durations, sizes, numbers and modes as people write them in filed.conf, in config.ini and on the
// command line. Each parse function returns nothing when `text` is no such value. Then `reason`
// says why. The message puts the name of the setting before it ("`abc` is not a number").
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace filed {

// A hundred years: in nanoseconds, and added to any date of today, it still fits 64 bits.
constexpr int64_t kMaxDurationMs = int64_t{36'500} * 24 * 3600 * 1000;

// A whole number and a unit: 500ms 30s 10m 2h 7d, or just 0. Milliseconds, at most kMaxDurationMs.
std::optional<int64_t> parse_duration(std::string_view text, std::string& reason);

// The shortest way to write `ms` that parse_duration reads back: "0", "500ms", "90s", "1h".
std::string format_duration(int64_t ms);

// A whole number of bytes, or of a unit of 1024: 4096 64K 10M 1G 2T (or k, m, g, t). Bytes.
std::optional<int64_t> parse_size(std::string_view text, std::string& reason);

// The shortest way to write `bytes` that parse_size reads back: "1000", "64K", "16M".
std::string format_size(int64_t bytes);

// A whole number from `min` to `max`.
std::optional<int64_t> parse_number(std::string_view text, int64_t min, int64_t max,
                                    std::string& reason);

// A decimal fraction from `min` to `max`, without an exponent: 2 1.5
std::optional<double> parse_fraction(std::string_view text, double min, double max,
                                     std::string& reason);

// The shortest way to write `value` that parse_fraction reads back.
std::string format_fraction(double value);

// A TCP port: 1 to 65535.
std::optional<uint16_t> parse_port(std::string_view text, std::string& reason);

// The mode of a directory in octal: 0755 770 1777
std::optional<mode_t> parse_mode(std::string_view text, std::string& reason);

// Four octal digits: "0755".
std::string format_mode(mode_t mode);

// The words for a `text` out of range: "`11` is out of range (MIN to MAX)".
std::string out_of_range(std::string_view text, std::string_view min, std::string_view max);

// `text` as messages quote it: between backquotes, and escaped.
std::string quoted(std::string_view text);

}  // namespace filed
