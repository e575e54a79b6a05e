// Puts what the text of a configuration says into settings, key by key, and writes the error
// messages. Declared in keys.h.
#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "config/keys.h"
#include "config/suggest.h"
#include "config/units.h"

namespace filed {
namespace {

constexpr std::string_view kEnvSection = "env";
constexpr std::string_view kQueueSection = "queue";

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
    if (is_env || !key->repeats) {
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
