// Loops over all rows of the table of settings: what is missing or wrong in one is found here.
#include "config/keys.h"

#include <fstream>
#include <iterator>

#include "catch.h"
#include "config/live_settings.h"
#include "launcher/limits.h"
#include "launcher/protocol.h"

using namespace filed;

namespace {

std::string full_name(const Key& key) {
  return "[" + std::string(key.section) + "] " + std::string(key.name);
}

std::string text_of(const std::string& path) {
  std::ifstream stream(path);
  REQUIRE(stream);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The defaults with one key set, as a configuration file sets it.
Settings with(const Key& key, std::string_view value) {
  Settings settings = default_settings();
  std::string text = "[" + std::string(key.section) + "]\n" + std::string(key.name) + " = ";
  auto error = read_settings(text + std::string(value), ConfigScope::kFile, "file", settings);
  INFO(full_name(key) << ": " << (error ? error->reason : ""));
  REQUIRE_FALSE(error);
  return settings;
}

bool is_accepted(const Key& key, const std::string& value) {
  Settings settings = default_settings();
  std::string reason;
  bool accepted = key.parse(value, settings, reason);
  CHECK(accepted == reason.empty());
  if (!accepted) CHECK(key.is_same(settings, default_settings()));
  return accepted;
}

// The part of a text that begins with the line `heading` and ends before the next "# [".
std::string chapter(const std::string& text, const std::string& heading) {
  size_t start = text.find("\n" + heading + "\n");
  if (start == text.npos) return "";
  return text.substr(start, text.find("\n# [", start + 1) - start);
}

}  // namespace

TEST_CASE("a key's sample is read, differs from the default and changes that key alone") {
  const Settings defaults = default_settings();
  for (const Key& key : all_keys()) {
    Settings settings = with(key, key.sample);
    INFO(full_name(key));
    CHECK_FALSE(key.is_same(settings, defaults));
    for (const Key& other : all_keys()) {
      bool shares = key.type == other.type && key.repeats && other.repeats;  // ro and rw: one list
      if (&other != &key && !shares) CHECK(other.is_same(settings, defaults));
    }
  }
}

TEST_CASE("what a key prints is read back as the same") {
  for (const Key& key : all_keys()) {
    if (key.repeats) continue;
    Settings settings = with(key, key.sample);
    std::string printed = key.print(settings);
    INFO(full_name(key) << " = " << printed);
    CHECK(key.is_same(with(key, printed), settings));
    CHECK(key.print(with(key, printed)) == printed);
  }
}

TEST_CASE("a key takes its least and its largest value and none beyond them") {
  for (const Key& key : all_keys()) {
    if (!key.bounds) continue;
    const Bounds& bounds = *key.bounds;
    INFO(full_name(key));
    for (int64_t value : {bounds.min, bounds.max, bounds.min + (bounds.max - bounds.min) / 3}) {
      std::string text = bounds.print(value);
      INFO(text);
      CHECK(is_accepted(key, text));
      Settings settings = default_settings();
      std::string reason;
      key.parse(text, settings, reason);
      if (!key.repeats) CHECK(key.print(settings) == text);
    }
    CHECK_FALSE(is_accepted(key, bounds.print(bounds.min - 1)));
    CHECK_FALSE(is_accepted(key, bounds.print(bounds.max + 1)));
  }
}

TEST_CASE("a key without bounds refuses what its type does not take") {
  for (const Key& key : all_keys()) {
    INFO(full_name(key));
    if (key.bounds) {
      CHECK_FALSE(is_accepted(key, "much"));
    } else if (key.type == "choice") {
      CHECK_FALSE(is_accepted(key, "no such word"));
    } else if (key.type == "path") {
      CHECK_FALSE(is_accepted(key, "relative"));
      CHECK_FALSE(is_accepted(key, ""));
    } else if (key.type == "word") {
      CHECK_FALSE(is_accepted(key, ""));
    } else if (key.type == "endings") {
      CHECK_FALSE(is_accepted(key, ".bak a/b"));
      CHECK_FALSE(is_accepted(key, ""));
    } else {
      CHECK(key.type == "text");
    }
  }
}

TEST_CASE("a key's help is one short sentence") {
  for (const Key& key : all_keys()) {
    INFO(full_name(key));
    CHECK(key.help.size() <= 80);
    CHECK(key.help.ends_with("."));
  }
}

TEST_CASE("every key is in filed.conf(5), in the chapter of its section") {
  std::string page = text_of("man/filed.conf.5.scd");
  for (const Key& key : all_keys()) {
    INFO(full_name(key));
    std::string section = chapter(page, "# [" + std::string(key.section) + "]");
    CHECK(section.find("*" + std::string(key.name) + "*") != section.npos);
  }
}

TEST_CASE("config.ini shows the live keys and takes no others") {
  LiveSettings live(default_settings());
  std::string text = live.text();
  for (const Key& key : all_keys()) {
    INFO(full_name(key));
    bool is_live = key.scope == Scope::kLive;
    CHECK(is_live == (key.section == "queue"));
    CHECK(is_live == (text.find("\n" + std::string(key.name) + " ") != text.npos));
    std::string line = std::string(key.name) + " = " + std::string(key.sample);
    CHECK(is_live == !live.write(line).has_value());
  }
}

TEST_CASE("a change needs a restart exactly when its key says so") {
  const Settings defaults = default_settings();
  CHECK(same_until_restart(defaults, default_settings()));
  for (const Key& key : all_keys()) {
    INFO(full_name(key));
    CHECK(same_until_restart(defaults, with(key, key.sample)) == (key.scope != Scope::kFile));
  }
}

TEST_CASE("a job's own value only does what its key's rule allows") {
  CHECK(meet(JobValue::kNever, 5, 3) == 5);
  CHECK(meet(JobValue::kNever, std::nullopt, 3) == std::nullopt);
  CHECK(meet(JobValue::kReplace, 5, 9) == 9);
  CHECK(meet(JobValue::kLower, 5, 9) == 5);
  CHECK(meet(JobValue::kLower, 5, 3) == 3);
  CHECK(meet(JobValue::kLower, std::nullopt, 3) == 3);
  CHECK(meet(JobValue::kRaise, 5, 9) == 9);
  CHECK(meet(JobValue::kRaise, 5, 3) == 5);
}

TEST_CASE("every limit has a system call and travels to the launcher within its bounds") {
  int count = 0;
  for (const Key& key : all_keys()) {
    INFO(full_name(key));
    CHECK((key.limit != nullptr) == (key.section == "limits"));
    if (key.limit == nullptr) continue;
    ++count;
    CHECK(can_apply_limit(key.name));
    auto travels = [&](int64_t value) {
      std::string packet = encode(ConfigureMessage{{{key.name, value}}, {}});
      auto message = decode(packet);
      if (!message) return false;
      const auto& limits = std::get<ConfigureMessage>(*message).limits;
      return limits.size() == 1 && limits[0].name == key.name && limits[0].value == value;
    };
    REQUIRE(key.bounds);
    CHECK(travels(key.bounds->min));
    CHECK(travels(key.bounds->max));
    CHECK_FALSE(travels(key.bounds->min - 1));
    CHECK_FALSE(travels(key.bounds->max + 1));
    CHECK(limit_values(with(key, key.sample).limits).size() == 1);
  }
  CHECK(count > 0);
  CHECK_FALSE(can_apply_limit("workers"));
  CHECK_FALSE(decode(encode(ConfigureMessage{{{"workers", 1}}, {}})));
  CHECK_FALSE(decode(encode(ConfigureMessage{{{"nice", 1}, {"nice", 2}}, {}})));
}

TEST_CASE("an attempt's limits are the admin's, and the job's where the rules allow it") {
  std::vector<LimitValue> admin = {{"files", 100}, {"nice", 5}};
  auto value_of = [&](std::vector<LimitValue> job, std::string_view step) {
    for (const Limit& limit : plan_limits(limits_in_force(admin, job))) {
      if (limit.step == step) return limit.value;
    }
    return int64_t{-1};
  };
  CHECK(value_of({}, "limit files") == 100);
  CHECK(value_of({{"files", 50}}, "limit files") == 50);
  CHECK(value_of({{"files", 200}}, "limit files") == 100);
  CHECK(value_of({{"nice", 10}}, "nice") == 10);
  CHECK(value_of({{"nice", 1}}, "nice") == 5);
  CHECK(value_of({}, "limit memory") == -1);
  CHECK(value_of({{"memory", 1 << 20}}, "limit memory") == 1 << 20);
  CHECK(value_of({{"cpu", 7}}, "limit cpu") == 7);
}
