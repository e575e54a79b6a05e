#include "config/units.h"

#include "catch.h"
#include "config/suggest.h"

using namespace filed;

namespace {

// The reason that a parse function gives for refusing `text`; "accepted" when it does not.
template <typename Parse>
std::string refusal(Parse parse, std::string_view text) {
  std::string reason;
  return parse(text, reason) ? "accepted" : reason;
}

template <typename Parse>
auto accepted(Parse parse, std::string_view text) {
  std::string reason;
  auto value = parse(text, reason);
  INFO(text << ": " << reason);
  REQUIRE(value);
  return *value;
}

std::optional<int64_t> up_to_ten(std::string_view text, std::string& reason) {
  return parse_number(text, 0, 10, reason);
}

std::optional<double> one_to_thousand(std::string_view text, std::string& reason) {
  return parse_fraction(text, 1, 1000, reason);
}

}  // namespace

TEST_CASE("durations are read in all their units") {
  CHECK(accepted(parse_duration, "0") == 0);
  CHECK(accepted(parse_duration, "0s") == 0);
  CHECK(accepted(parse_duration, "500ms") == 500);
  CHECK(accepted(parse_duration, "30s") == 30'000);
  CHECK(accepted(parse_duration, "10m") == 600'000);
  CHECK(accepted(parse_duration, "2h") == 7'200'000);
  CHECK(accepted(parse_duration, "7d") == 604'800'000);
  CHECK(accepted(parse_duration, "36500d") == kMaxDurationMs);
}

TEST_CASE("what is no duration is refused with the reason") {
  const std::string needs_unit = "a duration needs a unit (ms, s, m, h, d)";
  const std::string such_as = " is not a duration (such as 500ms, 30s, 10m, 2h or 7d)";
  CHECK(refusal(parse_duration, "30") == needs_unit);
  CHECK(refusal(parse_duration, "") == "``" + such_as);
  CHECK(refusal(parse_duration, "abc") == "`abc`" + such_as);
  CHECK(refusal(parse_duration, "s") == "`s`" + such_as);
  CHECK(refusal(parse_duration, "1.5s") == "`1.5s`" + such_as);
  CHECK(refusal(parse_duration, "10 s") == "`10 s`" + such_as);
  CHECK(refusal(parse_duration, "10S") == "`10S`" + such_as);
  CHECK(refusal(parse_duration, "+1s") == "`+1s`" + such_as);
  CHECK(refusal(parse_duration, "1h30m") == "`1h30m`" + such_as);
  CHECK(refusal(parse_duration, "-5s") == "`-5s` is negative");
  CHECK(refusal(parse_duration, "36501d") == "`36501d` is longer than 36500d");
  CHECK(refusal(parse_duration, "9223372036854775807h") ==
        "`9223372036854775807h` is longer than 36500d");
  CHECK(refusal(parse_duration, "99999999999999999999ms") ==
        "`99999999999999999999ms` is longer than 36500d");
  CHECK(refusal(parse_duration, "1s\x1b") == "`1s\\x1b`" + such_as);
}

TEST_CASE("durations are written in the longest unit that divides them") {
  CHECK(format_duration(0) == "0");
  CHECK(format_duration(1) == "1ms");
  CHECK(format_duration(1000) == "1s");
  CHECK(format_duration(1500) == "1500ms");
  CHECK(format_duration(90'000) == "90s");
  CHECK(format_duration(60'000) == "1m");
  CHECK(format_duration(3'600'000) == "1h");
  CHECK(format_duration(604'800'000) == "7d");
  CHECK(format_duration(kMaxDurationMs) == "36500d");
}

TEST_CASE("sizes are read in all their units") {
  CHECK(accepted(parse_size, "0") == 0);
  CHECK(accepted(parse_size, "4096") == 4096);
  CHECK(accepted(parse_size, "64K") == 65'536);
  CHECK(accepted(parse_size, "64k") == 65'536);
  CHECK(accepted(parse_size, "10M") == 10'485'760);
  CHECK(accepted(parse_size, "1G") == 1'073'741'824);
  CHECK(accepted(parse_size, "2t") == int64_t{2} << 40);
}

TEST_CASE("what is no size is refused with the reason") {
  const std::string such_as = " is not a size (such as 4096, 64K, 10M or 1G)";
  CHECK(refusal(parse_size, "") == "``" + such_as);
  CHECK(refusal(parse_size, "big") == "`big`" + such_as);
  CHECK(refusal(parse_size, "1KB") == "`1KB`" + such_as);
  CHECK(refusal(parse_size, "1.5M") == "`1.5M`" + such_as);
  CHECK(refusal(parse_size, "-1") == "`-1` is negative");
  CHECK(refusal(parse_size, "-1K") == "`-1K` is negative");
  CHECK(refusal(parse_size, "8388608T") == "`8388608T` is too large");
  CHECK(refusal(parse_size, "9223372036854775808") == "`9223372036854775808` is too large");
}

TEST_CASE("sizes are written in the largest unit that divides them") {
  CHECK(format_size(0) == "0");
  CHECK(format_size(1000) == "1000");
  CHECK(format_size(1536) == "1536");
  CHECK(format_size(65'536) == "64K");
  CHECK(format_size(16 << 20) == "16M");
  CHECK(format_size(int64_t{3} << 40) == "3T");
}

TEST_CASE("numbers have a range") {
  CHECK(accepted(up_to_ten, "0") == 0);
  CHECK(accepted(up_to_ten, "10") == 10);
  CHECK(refusal(up_to_ten, "") == "`` is not a number");
  CHECK(refusal(up_to_ten, "abc") == "`abc` is not a number");
  CHECK(refusal(up_to_ten, "3x") == "`3x` is not a number");
  CHECK(refusal(up_to_ten, "+3") == "`+3` is not a number");
  CHECK(refusal(up_to_ten, "-1") == "`-1` is out of range (0 to 10)");
  CHECK(refusal(up_to_ten, "11") == "`11` is out of range (0 to 10)");
  CHECK(refusal(up_to_ten, "99999999999999999999") ==
        "`99999999999999999999` is out of range (0 to 10)");
}

TEST_CASE("fractions have a range and no exponent") {
  CHECK(accepted(one_to_thousand, "1") == 1.0);
  CHECK(accepted(one_to_thousand, "1.5") == 1.5);
  CHECK(accepted(one_to_thousand, "2.") == 2.0);
  CHECK(refusal(one_to_thousand, "0.9") == "`0.9` is out of range (1 to 1000)");
  CHECK(refusal(one_to_thousand, "-2") == "`-2` is out of range (1 to 1000)");
  CHECK(refusal(one_to_thousand, "1000.5") == "`1000.5` is out of range (1 to 1000)");
  for (const char* text : {"", "-", ".", "1e3", "0x2", "inf", "nan", "1.2.3", " 2", "two"}) {
    CHECK(refusal(one_to_thousand, text) == "`" + std::string(text) + "` is not a number");
  }
  CHECK(refusal(one_to_thousand, std::string(400, '9')) ==
        "`" + std::string(400, '9') + "` is out of range (1 to 1000)");
}

TEST_CASE("fractions are written in the shortest way that gives the same value") {
  CHECK(format_fraction(2) == "2");
  CHECK(format_fraction(1.5) == "1.5");
  CHECK(format_fraction(1.1) == "1.1");
  for (double value : {1.0 + 1.0 / 3, 999.9999999999999, 1.0000000000000002}) {
    CHECK(accepted(one_to_thousand, format_fraction(value)) == value);
  }
}

TEST_CASE("ports go from 1 to 65535") {
  CHECK(accepted(parse_port, "1") == 1);
  CHECK(accepted(parse_port, "65535") == 65535);
  CHECK(refusal(parse_port, "0") == "`0` is out of range (1 to 65535)");
  CHECK(refusal(parse_port, "65536") == "`65536` is out of range (1 to 65535)");
  CHECK(refusal(parse_port, "http") == "`http` is not a number");
}

TEST_CASE("modes are octal") {
  CHECK(accepted(parse_mode, "0755") == 0755);
  CHECK(accepted(parse_mode, "770") == 0770);
  CHECK(accepted(parse_mode, "1777") == 01777);
  for (const char* text : {"", "0999", "17777", "-1", "rwx", "0o770", "77777777777777"}) {
    CHECK(refusal(parse_mode, text) ==
          "`" + std::string(text) + "` is not an octal mode (such as 0770)");
  }
  CHECK(format_mode(0755) == "0755");
  CHECK(format_mode(01777) == "1777");
  CHECK(format_mode(0) == "0000");
}

TEST_CASE("a mistyped word finds the one that was meant") {
  const std::vector<std::string_view> known = {"workers", "retries", "backoff", "backoff_max",
                                               "ro"};
  CHECK(nearest_word("retrys", known) == "retries");
  CHECK(nearest_word("wrokers", known) == "workers");
  CHECK(nearest_word("Backoff", known) == "backoff");
  CHECK(nearest_word("backoffmax", known) == "backoff_max");
  CHECK(nearest_word("or", known) == "ro");
  CHECK(nearest_word("concurrency", known).empty());
  CHECK(nearest_word("x", known).empty());
  CHECK(nearest_word("", known).empty());
}
