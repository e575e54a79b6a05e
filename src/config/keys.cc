#include "config/keys.h"

#include <algorithm>
#include <map>
#include <span>
#include <type_traits>
#include <utility>

#include "config/suggest.h"
#include "config/units.h"

namespace filed {
namespace {

// Bounds that nobody needs to cross; beyond them lies a slip of the finger.
constexpr int kMaxRetries = 1'000'000;
constexpr int kMaxBackoffFactor = 1000;
constexpr int64_t kMaxOutputLimit = int64_t{64} << 30;
constexpr int64_t kMaxJobSizeLimit = int64_t{64} << 20;
constexpr int64_t kMaxUploadLimit = int64_t{16} << 30;
constexpr int64_t kMaxSize = int64_t{1} << 50;
constexpr int64_t kMaxCount = 1 << 30;

constexpr std::string_view kEnvSection = "env";
constexpr std::string_view kQueueSection = "queue";

// Codecs say how values of one type are read and written. parse() gives nothing for a text that is
// none, with the cause in `reason`.

struct Duration {
  static std::optional<int64_t> parse(std::string_view text, std::string& reason) {
    return parse_duration(text, reason);
  }
  static std::string print(int64_t value) { return format_duration(value); }
};

// For setrlimit(2), which counts seconds.
struct Seconds {
  static constexpr int64_t kMsPerSecond = 1000;

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
};

std::optional<int64_t> parse_size_between(std::string_view text, int64_t min, int64_t max,
                                          std::string& reason) {
  auto bytes = parse_size(text, reason);
  if (!bytes || (*bytes >= min && *bytes <= max)) return bytes;
  reason = out_of_range(text, format_size(min), format_size(max));
  return std::nullopt;
}

template <int64_t kMin, int64_t kMax>
struct Size {
  static std::optional<int64_t> parse(std::string_view text, std::string& reason) {
    return parse_size_between(text, kMin, kMax, reason);
  }
  static std::string print(int64_t value) { return format_size(value); }
};

template <int64_t kMin, int64_t kMax>
struct Number {
  static std::optional<int64_t> parse(std::string_view text, std::string& reason) {
    return parse_number(text, kMin, kMax, reason);
  }
  static std::string print(int64_t value) { return std::to_string(value); }
};

template <int kMin, int kMax>
struct Fraction {
  static std::optional<double> parse(std::string_view text, std::string& reason) {
    return parse_fraction(text, kMin, kMax, reason);
  }
  static std::string print(double value) { return format_fraction(value); }
};

struct Mode {
  static std::optional<mode_t> parse(std::string_view text, std::string& reason) {
    return parse_mode(text, reason);
  }
  static std::string print(mode_t value) { return format_mode(value); }
};

struct Port {
  static std::optional<uint16_t> parse(std::string_view text, std::string& reason) {
    return parse_port(text, reason);
  }
};

// The words that an enumeration is written with, in the order of its values.
constexpr std::string_view kDurabilityWords[] = {"full", "normal"};
constexpr std::string_view kAllowOtherWords[] = {"auto", "yes", "no"};
constexpr std::string_view kLogTargetWords[] = {"stderr", "syslog"};
constexpr std::string_view kLogLevelWords[] = {"error", "warning", "info", "debug"};
constexpr std::string_view kNetworkWords[] = {"all", "none"};
constexpr std::string_view kBoolWords[] = {"no", "yes"};

std::optional<size_t> parse_choice(std::string_view text, std::span<const std::string_view> words,
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
  static std::optional<size_t> parse(std::string_view text, std::string& reason) {
    return parse_choice(text, kWords, reason);
  }
  template <typename T>
  static std::string print(T value) {
    return std::string(kWords[static_cast<size_t>(value)]);
  }
};

// Any text, the empty one too.
struct Text {
  static std::optional<std::string> parse(std::string_view text, std::string&) {
    return std::string(text);
  }
  static std::string print(const std::string& value) { return value; }
};

// A name of something; what it names is looked up when it is used.
struct Word : Text {
  static std::optional<std::string> parse(std::string_view text, std::string& reason) {
    if (!text.empty()) return std::string(text);
    reason = "no value";
    return std::nullopt;
  }
};

struct Path : Text {
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
};

template <bool kWritable>
struct Grant {
  static std::optional<PathGrant> parse(std::string_view text, std::string& reason) {
    auto path = Path::parse(text, reason);
    if (!path) return std::nullopt;
    return PathGrant{*path, kWritable, false};
  }
};

// The type of a setting, without the optional of one that may stay unset.
template <typename T>
struct Plain {
  using Type = T;
};
template <typename T>
struct Plain<std::optional<T>> {
  using Type = T;
};

template <auto Group, auto Member, typename Codec>
bool parse_member(std::string_view text, Settings& settings, std::string& reason) {
  auto value = Codec::parse(text, reason);
  if (!value) return false;
  auto& member = settings.*Group.*Member;
  member = static_cast<typename Plain<std::remove_reference_t<decltype(member)>>::Type>(
      *std::move(value));
  return true;
}

template <auto Group, auto Member, typename Codec>
std::string print_member(const Settings& settings) {
  const auto& member = settings.*Group.*Member;
  if constexpr (requires { member.has_value(); }) {
    return member ? Codec::print(*member) : std::string();
  } else {
    return Codec::print(member);
  }
}

template <auto Group, auto Member, typename Codec>
bool parse_element(std::string_view text, Settings& settings, std::string& reason) {
  auto value = Codec::parse(text, reason);
  if (value) (settings.*Group.*Member).push_back(*std::move(value));
  return value.has_value();
}

// Makes the rows of one section.
template <auto Group>
struct Section {
  std::string_view name;

  template <auto Member, typename Codec>
  constexpr Key key(std::string_view key_name) const {
    return {name, key_name, parse_member<Group, Member, Codec>, print_member<Group, Member, Codec>};
  }

  // A key that repeats.
  template <auto Member, typename Codec>
  constexpr Key list(std::string_view key_name) const {
    return {name, key_name, parse_element<Group, Member, Codec>, nullptr};
  }
};

constexpr Section<&Settings::queue> kQueue{kQueueSection};
constexpr Section<&Settings::mount> kMount{"mount"};
constexpr Section<&Settings::daemon> kDaemon{"daemon"};
constexpr Section<&Settings::sandbox> kSandbox{"sandbox"};
constexpr Section<&Settings::limits> kLimits{"limits"};
constexpr Section<&Settings::hooks> kHooks{"hooks"};

using Queue = QueueSettings;
using Mount = MountSettings;
using Daemon = DaemonSettings;
using Limits = LimitSettings;
using Hooks = HookSettings;

constexpr Key kKeys[] = {
    kQueue.key<&Queue::workers, Number<0, kMaxWorkers>>("workers"),
    kQueue.key<&Queue::retries, Number<0, kMaxRetries>>("retries"),
    kQueue.key<&Queue::backoff_ms, Duration>("backoff"),
    kQueue.key<&Queue::backoff_factor, Fraction<1, kMaxBackoffFactor>>("backoff_factor"),
    kQueue.key<&Queue::backoff_max_ms, Duration>("backoff_max"),
    kQueue.key<&Queue::timeout_ms, Duration>("timeout"),
    kQueue.key<&Queue::kill_grace_ms, Duration>("kill_grace"),
    kQueue.key<&Queue::stop_grace_ms, Duration>("stop_grace"),
    kQueue.key<&Queue::output_limit, Size<1, kMaxOutputLimit>>("output_limit"),
    kQueue.key<&Queue::job_size_limit, Size<1, kMaxJobSizeLimit>>("job_size_limit"),
    kQueue.key<&Queue::upload_limit, Size<1, kMaxUploadLimit>>("upload_limit"),
    kQueue.key<&Queue::keep_complete_ms, Duration>("keep_complete"),
    kQueue.key<&Queue::keep_failed_ms, Duration>("keep_failed"),
    kQueue.key<&Queue::durability, Choice<kDurabilityWords>>("durability"),
    kQueue.key<&Queue::shell, Path>("shell"),

    kMount.key<&Mount::dir, Path>("dir"),
    kMount.key<&Mount::mode, Mode>("mode"),
    kMount.key<&Mount::owner, Word>("owner"),
    kMount.key<&Mount::group, Word>("group"),
    kMount.key<&Mount::allow_other, Choice<kAllowOtherWords>>("allow_other"),
    kMount.key<&Mount::inotify, Choice<kBoolWords>>("inotify"),

    kDaemon.key<&Daemon::user, Word>("user"),
    kDaemon.key<&Daemon::group, Word>("group"),
    kDaemon.key<&Daemon::state_file, Path>("state_file"),
    kDaemon.key<&Daemon::log, Choice<kLogTargetWords>>("log"),
    kDaemon.key<&Daemon::log_level, Choice<kLogLevelWords>>("log_level"),

    kSandbox.list<&SandboxSpec::paths, Grant<false>>("ro"),
    kSandbox.list<&SandboxSpec::paths, Grant<true>>("rw"),
    kSandbox.key<&SandboxSpec::network, Choice<kNetworkWords>>("network"),
    kSandbox.list<&SandboxSpec::connect, Port>("connect"),
    kSandbox.list<&SandboxSpec::bind, Port>("bind"),
    kSandbox.key<&SandboxSpec::required, Choice<kBoolWords>>("required"),

    kLimits.key<&Limits::cpu_s, Seconds>("cpu"),
    kLimits.key<&Limits::memory, Size<1, kMaxSize>>("memory"),
    kLimits.key<&Limits::files, Number<1, kMaxCount>>("files"),
    kLimits.key<&Limits::processes, Number<1, kMaxCount>>("processes"),
    kLimits.key<&Limits::file_size, Size<0, kMaxSize>>("file_size"),
    kLimits.key<&Limits::nice, Number<-20, 19>>("nice"),

    kHooks.key<&Hooks::on_failure, Text>("on_failure"),
    kHooks.key<&Hooks::on_complete, Text>("on_complete"),
};

std::vector<std::string_view> section_names() {
  std::vector<std::string_view> names;
  for (const Key& key : all_keys()) {
    if (names.empty() || names.back() != key.section) names.push_back(key.section);
  }
  names.push_back(kEnvSection);
  return names;
}

std::string bracketed(std::string_view section) { return "[" + escaped(section) + "]"; }

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
    if (is_env || !key->repeats()) {
      auto [first, is_new] = lines_.try_emplace({std::string(section), std::string(name)}, line);
      if (!is_new) {
        reason = escaped(name) + ": set twice, first on line " + std::to_string(first->second);
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

std::span<const Key> all_keys() { return kKeys; }

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
