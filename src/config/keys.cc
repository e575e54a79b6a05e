#include "config/keys.h"

#include <algorithm>
#include <map>
#include <type_traits>
#include <utility>

#include "config/suggest.h"
#include "config/units.h"

namespace filed {
namespace {

// Bounds that nobody needs to cross; beyond them lies a slip of the finger.
constexpr int kMaxRetries = 1'000'000;
constexpr double kMaxBackoffFactor = 1000;
constexpr int64_t kMaxOutputLimit = int64_t{64} << 30;
constexpr int64_t kMaxJobSizeLimit = int64_t{64} << 20;
constexpr int64_t kMaxUploadLimit = int64_t{16} << 30;
constexpr int64_t kMaxSize = int64_t{1} << 50;
constexpr int64_t kMaxFiles = 1 << 30;

constexpr std::string_view kEnvSection = "env";
constexpr std::string_view kQueueSection = "queue";

// How values of one type are read and written. `parse` gives nothing for a text that is none, with
// the cause in `reason`; `print` may be left out for lists.
template <typename T>
struct Codec {
  std::function<std::optional<T>(std::string_view text, std::string& reason)> parse;
  std::function<std::string(const T& value)> print;
};

Codec<int64_t> duration() { return {parse_duration, format_duration}; }

// For setrlimit(2), which counts seconds.
Codec<int64_t> seconds() {
  constexpr int64_t kMsPerSecond = 1000;
  auto parse = [](std::string_view text, std::string& reason) -> std::optional<int64_t> {
    auto ms = parse_duration(text, reason);
    if (!ms) return std::nullopt;
    if (*ms == 0 || *ms % kMsPerSecond != 0) {
      reason = quoted(text) + " is not a whole number of seconds, from 1s";
      return std::nullopt;
    }
    return *ms / kMsPerSecond;
  };
  return {parse, [](const int64_t& value) { return format_duration(value * kMsPerSecond); }};
}

Codec<int64_t> size(int64_t min, int64_t max) {
  auto parse = [=](std::string_view text, std::string& reason) -> std::optional<int64_t> {
    auto bytes = parse_size(text, reason);
    if (!bytes) return std::nullopt;
    if (*bytes < min || *bytes > max) {
      reason = out_of_range(text, format_size(min), format_size(max));
      return std::nullopt;
    }
    return bytes;
  };
  return {parse, format_size};
}

template <typename T>
Codec<T> number(T min, T max) {
  auto parse = [=](std::string_view text, std::string& reason) -> std::optional<T> {
    auto value = parse_number(text, min, max, reason);
    if (!value) return std::nullopt;
    return static_cast<T>(*value);
  };
  return {parse, [](const T& value) { return std::to_string(value); }};
}

Codec<double> fraction(double min, double max) {
  auto parse = [=](std::string_view text, std::string& reason) {
    return parse_fraction(text, min, max, reason);
  };
  return {parse, format_fraction};
}

// A value that is one of a few words.
template <typename T>
Codec<T> one_of(std::vector<std::pair<std::string_view, T>> words) {
  auto parse = [words](std::string_view text, std::string& reason) -> std::optional<T> {
    std::string names;
    for (const auto& [word, value] : words) {
      if (text == word) return value;
      names += (names.empty() ? "" : ", ") + std::string(word);
    }
    reason = quoted(text) + " is none of " + names;
    return std::nullopt;
  };
  auto print = [words](const T& wanted) -> std::string {
    for (const auto& [word, value] : words) {
      if (value == wanted) return std::string(word);
    }
    return {};
  };
  return {parse, print};
}

Codec<LogLevel> log_level() {
  std::vector<std::pair<std::string_view, LogLevel>> words;
  for (const char* word : {"error", "warning", "info", "debug"}) {
    if (auto level = parse_log_level(word)) words.emplace_back(word, *level);
  }
  return one_of(words);
}

std::string same(const std::string& text) { return text; }

// Any text, the empty one too.
Codec<std::string> text() {
  return {[](std::string_view value, std::string&) { return std::optional(std::string(value)); },
          same};
}

std::optional<std::string> parse_word(std::string_view word, std::string& reason) {
  if (word.empty()) {
    reason = "no value";
    return std::nullopt;
  }
  return std::string(word);
}

// A name of something; what it names is looked up when it is used.
Codec<std::string> word() { return {parse_word, same}; }

std::optional<std::string> parse_path(std::string_view path, std::string& reason) {
  if (!parse_word(path, reason)) return std::nullopt;
  if (path.front() != '/') {
    reason = quoted(path) + " is not an absolute path";
    return std::nullopt;
  }
  auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' '; };
  if (std::any_of(path.begin(), path.end(), is_control)) {
    reason = quoted(path) + " has a control character in it";
    return std::nullopt;
  }
  return std::string(path);
}

Codec<std::string> path() { return {parse_path, same}; }

Codec<PathGrant> grant(bool writable) {
  auto parse = [=](std::string_view text, std::string& reason) -> std::optional<PathGrant> {
    auto path = parse_path(text, reason);
    if (!path) return std::nullopt;
    return PathGrant{*path, writable, false};
  };
  return {parse, nullptr};
}

// Adds the rows of one section to the table.
template <typename Group>
class Section {
 public:
  Section(std::vector<Key>& table, std::string_view name, Group Settings::*group)
      : table_(table), name_(name), group_(group) {}

  template <typename T>
  void add(std::string_view key, T Group::*member, std::type_identity_t<Codec<T>> codec) {
    add_scalar(key, member, codec, codec.print);
  }

  // A setting that may stay unset.
  template <typename T>
  void add(std::string_view key, std::optional<T> Group::*member,
           std::type_identity_t<Codec<T>> codec) {
    add_scalar(key, member, codec, [print = codec.print](const std::optional<T>& value) {
      return value ? print(*value) : std::string();
    });
  }

  // A key that repeats: each line is one element.
  template <typename T>
  void add_list(std::string_view key, std::vector<T> Group::*member,
                std::type_identity_t<Codec<T>> codec) {
    auto parse = [group = group_, member, codec](std::string_view text, Settings& settings,
                                                 std::string& reason) {
      auto value = codec.parse(text, reason);
      if (value) (settings.*group.*member).push_back(std::move(*value));
      return value.has_value();
    };
    table_.push_back({name_, key, true, parse, nullptr});
  }

 private:
  template <typename T, typename Member, typename Print>
  void add_scalar(std::string_view key, Member Group::*member, const Codec<T>& codec, Print print) {
    auto parse = [group = group_, member, codec](std::string_view text, Settings& settings,
                                                 std::string& reason) {
      auto value = codec.parse(text, reason);
      if (value) settings.*group.*member = std::move(*value);
      return value.has_value();
    };
    auto print_member = [group = group_, member, print](const Settings& settings) {
      return print(settings.*group.*member);
    };
    table_.push_back({name_, key, false, parse, print_member});
  }

  std::vector<Key>& table_;
  std::string_view name_;
  Group Settings::*group_;
};

std::vector<Key> make_table() {
  std::vector<Key> table;

  Section queue(table, kQueueSection, &Settings::queue);
  queue.add("workers", &QueueSettings::workers, number(0, kMaxWorkers));
  queue.add("retries", &QueueSettings::retries, number(0, kMaxRetries));
  queue.add("backoff", &QueueSettings::backoff_ms, duration());
  queue.add("backoff_factor", &QueueSettings::backoff_factor, fraction(1, kMaxBackoffFactor));
  queue.add("backoff_max", &QueueSettings::backoff_max_ms, duration());
  queue.add("timeout", &QueueSettings::timeout_ms, duration());
  queue.add("kill_grace", &QueueSettings::kill_grace_ms, duration());
  queue.add("stop_grace", &QueueSettings::stop_grace_ms, duration());
  queue.add("output_limit", &QueueSettings::output_limit, size(1, kMaxOutputLimit));
  queue.add("job_size_limit", &QueueSettings::job_size_limit, size(1, kMaxJobSizeLimit));
  queue.add("upload_limit", &QueueSettings::upload_limit, size(1, kMaxUploadLimit));
  queue.add("keep_complete", &QueueSettings::keep_complete_ms, duration());
  queue.add("keep_failed", &QueueSettings::keep_failed_ms, duration());
  queue.add("durability", &QueueSettings::durability,
            one_of<Durability>({{"full", Durability::kFull}, {"normal", Durability::kNormal}}));
  queue.add("shell", &QueueSettings::shell, path());

  Section mount(table, "mount", &Settings::mount);
  mount.add("dir", &MountSettings::dir, path());
  mount.add("mode", &MountSettings::mode, {parse_mode, format_mode});
  mount.add("owner", &MountSettings::owner, word());
  mount.add("group", &MountSettings::group, word());
  mount.add("allow_other", &MountSettings::allow_other,
            one_of<AllowOther>(
                {{"auto", AllowOther::kAuto}, {"yes", AllowOther::kYes}, {"no", AllowOther::kNo}}));

  Section daemon(table, "daemon", &Settings::daemon);
  daemon.add("user", &DaemonSettings::user, word());
  daemon.add("group", &DaemonSettings::group, word());
  daemon.add("state_file", &DaemonSettings::state_file, path());
  daemon.add("log", &DaemonSettings::log,
             one_of<LogTarget>({{"stderr", LogTarget::kStderr}, {"syslog", LogTarget::kSyslog}}));
  daemon.add("log_level", &DaemonSettings::log_level, log_level());

  Section sandbox(table, "sandbox", &Settings::sandbox);
  sandbox.add_list("ro", &SandboxSpec::paths, grant(false));
  sandbox.add_list("rw", &SandboxSpec::paths, grant(true));
  sandbox.add("network", &SandboxSpec::network,
              one_of<Network>({{"all", Network::kAll}, {"none", Network::kNone}}));
  sandbox.add_list("connect", &SandboxSpec::connect, {parse_port, nullptr});
  sandbox.add_list("bind", &SandboxSpec::bind, {parse_port, nullptr});
  sandbox.add("required", &SandboxSpec::required, one_of<bool>({{"yes", true}, {"no", false}}));

  Section limits(table, "limits", &Settings::limits);
  limits.add("cpu", &LimitSettings::cpu_s, seconds());
  limits.add("memory", &LimitSettings::memory, size(1, kMaxSize));
  limits.add("files", &LimitSettings::files, number<int64_t>(1, kMaxFiles));
  limits.add("processes", &LimitSettings::processes, number<int64_t>(1, kMaxFiles));
  limits.add("file_size", &LimitSettings::file_size, size(0, kMaxSize));
  limits.add("nice", &LimitSettings::nice, number(-20, 19));

  Section hooks(table, "hooks", &Settings::hooks);
  hooks.add("on_failure", &HookSettings::on_failure, text());
  hooks.add("on_complete", &HookSettings::on_complete, text());
  return table;
}

std::vector<std::string_view> section_names() {
  std::vector<std::string_view> names;
  for (const Key& key : all_keys()) {
    if (names.empty() || names.back() != key.section) names.push_back(key.section);
  }
  names.push_back(kEnvSection);
  return names;
}

std::string bracketed(std::string_view section) { return "[" + printable(section) + "]"; }

// Why there is no such key, and which one may have been meant.
std::string unknown_key(std::string_view section, std::string_view name) {
  std::string reason = "unknown key " + quoted(name) + " in " + bracketed(section);
  std::vector<std::string_view> names;
  for (const Key& key : all_keys()) {
    if (key.name == name) return reason + "; it belongs in " + bracketed(key.section);
    if (key.section == section) names.push_back(key.name);
  }
  std::string_view nearest = nearest_word(name, names);
  return nearest.empty() ? reason : reason + "; did you mean " + quoted(nearest) + "?";
}

bool is_env_name(std::string_view name) {
  auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  auto is_letter_or_digit = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
  return !name.empty() && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), is_letter_or_digit);
}

// Puts what a text says into settings.
class SettingsSink final : public IniSink {
 public:
  SettingsSink(ConfigScope scope, const std::string& source, Settings& settings)
      : scope_(scope), source_(source), settings_(settings) {}

  bool on_section(std::string_view section, std::string& reason) override {
    if (scope_ == ConfigScope::kQueue) {
      if (section == kQueueSection) return true;
      reason = bracketed(section) + " cannot be set here, only " + bracketed(kQueueSection);
      return false;
    }
    std::vector<std::string_view> known = section_names();
    if (std::find(known.begin(), known.end(), section) != known.end()) return true;
    reason = "unknown section " + bracketed(section);
    std::string_view nearest = nearest_word(section, known);
    if (!nearest.empty()) reason += "; did you mean " + bracketed(nearest) + "?";
    return false;
  }

  bool on_value(int line, std::string_view section, std::string_view name, std::string_view value,
                std::string& reason) override {
    if (section.empty()) {
      if (scope_ == ConfigScope::kFile) {
        reason = "key " + quoted(name) + " before the first [section]";
        return false;
      }
      section = kQueueSection;
    }
    bool is_env = section == kEnvSection;
    const Key* key = is_env ? nullptr : find_key(section, name);
    if (!is_env && key == nullptr) {
      reason = unknown_key(section, name);
      return false;
    }
    if (is_env || !key->repeats) {
      auto [first, is_new] = lines_.try_emplace({std::string(section), std::string(name)}, line);
      if (!is_new) {
        reason = printable(name) + ": set twice, first on line " + std::to_string(first->second);
        return false;
      }
    }
    if (is_env) return set_env(name, value, reason);
    if (!key->parse(value, settings_, reason)) {
      reason = std::string(name) + ": " + reason;
      return false;
    }
    if (section == kQueueSection) {
      settings_.queue_written[std::string(name)] = {source_, std::string(value)};
    }
    return true;
  }

  // The line that sets a key of [queue]; 0 when none does.
  int queue_line(std::string_view name) const {
    auto line = lines_.find({std::string(kQueueSection), std::string(name)});
    return line == lines_.end() ? 0 : line->second;
  }

 private:
  bool set_env(std::string_view name, std::string_view value, std::string& reason) {
    if (!is_env_name(name)) {
      reason = quoted(name) + " is not the name of an environment variable";
      return false;
    }
    if (name.starts_with("FILED_")) {
      reason = quoted(name) + " cannot be set: names that begin with FILED_ are filed's own";
      return false;
    }
    settings_.env.emplace_back(name, value);
    return true;
  }

  ConfigScope scope_;
  const std::string& source_;
  Settings& settings_;
  std::map<std::pair<std::string, std::string>, int> lines_;  // of keys that may be set once
};

}  // namespace

const std::vector<Key>& all_keys() {
  static const std::vector<Key> table = make_table();
  return table;
}

const Key* find_key(std::string_view section, std::string_view name) {
  for (const Key& key : all_keys()) {
    if (key.section == section && key.name == name) return &key;
  }
  return nullptr;
}

bool check_queue(const QueueSettings& queue, std::string& reason) {
  if (queue.upload_limit >= queue.job_size_limit) return true;
  reason = "upload_limit: " + quoted(format_size(queue.upload_limit)) +
           " is below job_size_limit (" + format_size(queue.job_size_limit) + ")";
  return false;
}

std::optional<IniError> read_settings(std::string_view text, ConfigScope scope,
                                      const std::string& source, Settings& settings) {
  Settings changed = settings;
  SettingsSink sink(scope, source, changed);
  if (auto error = parse_ini(text, sink)) return error;
  std::string reason;
  if (!check_queue(changed.queue, reason)) {
    int line = std::max(sink.queue_line("upload_limit"), sink.queue_line("job_size_limit"));
    return IniError{line, reason};
  }
  settings = std::move(changed);
  return std::nullopt;
}

}  // namespace filed
