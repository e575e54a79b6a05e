#include "config/units.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "base/log.h"

namespace filed {
namespace {

struct Unit {
  std::string_view name;
  int64_t factor;
};

// Smallest first: format() looks from the end for the largest unit that divides a value.
constexpr std::array<Unit, 5> kDurationUnits = {
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit, 5> kSizeUnits = {{{"", 1},
                                             {"K", int64_t{1} << 10},
                                             {"M", int64_t{1} << 20},
                                             {"G", int64_t{1} << 30},
                                             {"T", int64_t{1} << 40}}};

enum class Parsing { kOk, kMalformed, kNegative, kTooLarge };

struct Quantity {
  Parsing result = Parsing::kMalformed;
  int64_t number = 0;     // the digits in front
  std::string_view unit;  // what follows them
};

// `text` as a number and the letters behind it.
Quantity parse_quantity(std::string_view text) {
  Quantity quantity;
  const char* end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, quantity.number);
  if (error == std::errc::invalid_argument) return quantity;
  quantity.unit = std::string_view(rest, static_cast<size_t>(end - rest));
  bool is_negative = text.front() == '-';
  bool is_out_of_range = error == std::errc::result_out_of_range;
  quantity.result = is_negative       ? Parsing::kNegative
                    : is_out_of_range ? Parsing::kTooLarge
                                      : Parsing::kOk;
  return quantity;
}

// The value of `quantity` in the smallest unit; sets its result if it has none up to `max`.
template <size_t N>
int64_t scale(Quantity& quantity, const std::array<Unit, N>& units, int64_t max) {
  for (const Unit& unit : units) {
    if (unit.name != quantity.unit) continue;
    if (quantity.result == Parsing::kOk && quantity.number > max / unit.factor) {
      quantity.result = Parsing::kTooLarge;
    }
    return quantity.result == Parsing::kOk ? quantity.number * unit.factor : 0;
  }
  quantity.result = Parsing::kMalformed;
  return 0;
}

template <size_t N>
std::string format(int64_t value, const std::array<Unit, N>& units) {
  if (value == 0) return "0";
  auto unit = units.rbegin();
  while (value % unit->factor != 0) ++unit;
  return std::to_string(value / unit->factor) + std::string(unit->name);
}

}  // namespace

std::optional<int64_t> parse_duration(std::string_view text, std::string& reason) {
  Quantity quantity = parse_quantity(text);
  if (quantity.result == Parsing::kOk && quantity.unit.empty()) {
    if (quantity.number == 0) return 0;
    reason = "a duration needs a unit (ms, s, m, h, d)";
    return std::nullopt;
  }
  int64_t ms = scale(quantity, kDurationUnits, kMaxDurationMs);
  switch (quantity.result) {
    case Parsing::kOk:
      return ms;
    case Parsing::kMalformed:
      reason = quoted(text) + " is not a duration (such as 500ms, 30s, 10m, 2h or 7d)";
      break;
    case Parsing::kNegative:
      reason = quoted(text) + " is negative";
      break;
    case Parsing::kTooLarge:
      reason = quoted(text) + " is longer than " + format_duration(kMaxDurationMs);
      break;
  }
  return std::nullopt;
}

std::string format_duration(int64_t ms) { return format(ms, kDurationUnits); }

std::optional<int64_t> parse_size(std::string_view text, std::string& reason) {
  Quantity quantity = parse_quantity(text);
  std::string unit(quantity.unit);
  if (unit.size() == 1 && unit[0] >= 'a' && unit[0] <= 'z') unit[0] += 'A' - 'a';
  quantity.unit = unit;
  int64_t bytes = scale(quantity, kSizeUnits, std::numeric_limits<int64_t>::max());
  switch (quantity.result) {
    case Parsing::kOk:
      return bytes;
    case Parsing::kMalformed:
      reason = quoted(text) + " is not a size (such as 4096, 64K, 10M or 1G)";
      break;
    case Parsing::kNegative:
      reason = quoted(text) + " is negative";
      break;
    case Parsing::kTooLarge:
      reason = quoted(text) + " is too large";
      break;
  }
  return std::nullopt;
}

std::string format_size(int64_t bytes) { return format(bytes, kSizeUnits); }

std::optional<int64_t> parse_number(std::string_view text, int64_t min, int64_t max,
                                    std::string& reason) {
  int64_t number = 0;
  const char* end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::invalid_argument || rest != end) {
    reason = quoted(text) + " is not a number";
    return std::nullopt;
  }
  if (error != std::errc() || number < min || number > max) {
    reason = out_of_range(text, std::to_string(min), std::to_string(max));
    return std::nullopt;
  }
  return number;
}

std::optional<double> parse_fraction(std::string_view text, double min, double max,
                                     std::string& reason) {
  // Not every standard library has from_chars for double. strtod also takes forms that are refused
  // here, such as exponents.
  std::string copy(text);
  char* end = nullptr;
  double value = std::strtod(copy.c_str(), &end);
  size_t sign = text.starts_with('-') ? 1 : 0;
  if (text.size() == sign || text.find_first_not_of("0123456789.", sign) != text.npos ||
      end != copy.c_str() + copy.size()) {
    reason = quoted(text) + " is not a number";
    return std::nullopt;
  }
  if (!(value >= min && value <= max)) {
    reason = out_of_range(text, format_fraction(min), format_fraction(max));
    return std::nullopt;
  }
  return value;
}

std::string format_fraction(double value) {
  // Without an exponent, because parse_fraction does not read one. 17 digits behind the point are
  // enough for any value that was written with at most 17.
  constexpr int kMaxDigits = 17;
  std::array<char, 512> text{};
  for (int digits = 0; digits <= kMaxDigits; ++digits) {
    std::snprintf(text.data(), text.size(), "%.*f", digits, value);
    if (std::strtod(text.data(), nullptr) == value) break;
  }
  return text.data();
}

std::optional<uint16_t> parse_port(std::string_view text, std::string& reason) {
  auto port = parse_number(text, 1, 65535, reason);
  if (!port) return std::nullopt;
  return static_cast<uint16_t>(*port);
}

std::optional<mode_t> parse_mode(std::string_view text, std::string& reason) {
  constexpr unsigned kAllBits = 07777;
  unsigned mode = 0;
  const char* end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, mode, 8);
  if (error != std::errc() || rest != end || mode > kAllBits) {
    reason = quoted(text) + " is not an octal mode (such as 0770)";
    return std::nullopt;
  }
  return static_cast<mode_t>(mode);
}

std::string format_mode(mode_t mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode));
  return text.data();
}

std::string out_of_range(std::string_view text, std::string_view min, std::string_view max) {
  return quoted(text) + " is out of range (" + std::string(min) + " to " + std::string(max) + ")";
}

std::string quoted(std::string_view text) { return "`" + escaped(text) + "`"; }

}  // namespace filed
