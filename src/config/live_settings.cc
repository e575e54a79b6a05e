#include "config/live_settings.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "base/log.h"
#include "config/ini.h"
#include "config/keys.h"

namespace filed {
namespace {

constexpr std::string_view kSection = "queue";

std::vector<const Key*> live_keys() {
  std::vector<const Key*> keys;
  for (const Key& key : all_keys()) {
    if (key.scope == Scope::kLive) keys.push_back(&key);
  }
  return keys;
}

// A comment line, cut to the longest line.
std::string comment(const std::string& text) {
  constexpr std::string_view kCut = "...";
  std::string line = "; " + text;
  if (line.size() > kMaxIniLine) {
    line.resize(kMaxIniLine - kCut.size());
    line += kCut;
  }
  return line + "\n";
}

// `name = value ; source`, in columns while the line has room for it.
std::string setting(const std::string& name, const std::string& value, const std::string& source,
                    size_t name_width, size_t value_width) {
  std::string padding(name_width - name.size(), ' ');
  std::string line = name + padding + " = " + value;
  std::string gap(value_width > value.size() ? value_width - value.size() : 0, ' ');
  std::string whole = line + gap + "  ; " + source;
  if (whole.size() <= kMaxIniLine) return whole + "\n";
  // The comment goes on a line before. The shortest form fits, because it is not longer than the
  // line that was read.
  if (line.size() > kMaxIniLine) line = name + "=" + value;
  return comment(source) + line + "\n";
}

// The values of [queue] that differ from those of `base`.
std::map<std::string, std::string> difference(const Settings& base, const Settings& settings) {
  std::map<std::string, std::string> changed;
  for (const Key* key : live_keys()) {
    std::string value = key->print(settings);
    if (value != key->print(base)) changed.emplace(key->name, std::move(value));
  }
  return changed;
}

}  // namespace

LiveSettings::LiveSettings(const Settings& base) : base_(base), current_(base) {}

void LiveSettings::set_base(const Settings& base) {
  base_ = base;
  restore(std::map(std::move(overrides_)));
}

std::string LiveSettings::text() const {
  struct Row {
    std::string name;
    std::string value;
    std::string source;
  };
  std::vector<Row> rows;
  size_t name_width = 0;
  size_t value_width = 0;
  for (const Key* key : live_keys()) {
    Row row{std::string(key->name), key->print(current_), "default"};
    auto written = base_.queue_written.find(row.name);
    if (overrides_.contains(row.name)) {
      row.source = "set here";
    } else if (written != base_.queue_written.end()) {
      row.value = written->second.value;
      row.source = escaped(written->second.source);
    }
    name_width = std::max(name_width, row.name.size());
    // One long value must not move all comments far to the right.
    constexpr size_t kWidestValue = 16;
    if (row.value.size() <= kWidestValue) value_width = std::max(value_width, row.value.size());
    rows.push_back(std::move(row));
  }
  std::string text;
  if (refusal_) text += comment("refused: " + *refusal_);
  text += "[" + std::string(kSection) + "]\n";
  for (const Row& row : rows) {
    text += setting(row.name, row.value, row.source, name_width, value_width);
  }
  return text;
}

std::optional<std::string> LiveSettings::write(std::string_view text) {
  return apply(text, ConfigScope::kQueue, base_);
}

std::optional<std::string> LiveSettings::append(std::string_view lines) {
  return apply(lines, ConfigScope::kAppend, current_);
}

std::optional<std::string> LiveSettings::check(std::string_view lines, bool appended) {
  auto error = check_lines(lines, appended ? ConfigScope::kAppend : ConfigScope::kQueue);
  return error ? refuse(*error) : std::nullopt;
}

// Puts `text` on top of `below`.
std::optional<std::string> LiveSettings::apply(std::string_view text, ConfigScope scope,
                                               Settings below) {
  if (auto error = read_settings(text, scope, "config.ini", below)) return refuse(*error);
  refusal_.reset();
  overrides_ = difference(base_, below);
  current_ = std::move(below);
  return std::nullopt;
}

std::optional<std::string> LiveSettings::refuse(const IniError& error) {
  std::string where = error.line == 0 ? "" : "line " + std::to_string(error.line) + ": ";
  refusal_ = where + error.reason;
  return refusal_;
}

void LiveSettings::restore(const std::map<std::string, std::string>& overrides) {
  current_ = base_;
  for (const auto& [name, value] : overrides) {
    const Key* key = find_key(kSection, name);
    std::string reason = "unknown key";
    if (key == nullptr || !key->parse(value, current_, reason)) {
      log_warning("config.ini: %s is no longer set: %s", escaped(name).c_str(), reason.c_str());
    }
  }
  std::string reason;
  if (!check_queue(current_.queue, reason)) {
    log_warning("config.ini: upload_limit and job_size_limit are no longer set: %s",
                reason.c_str());
    current_.queue.upload_limit = base_.queue.upload_limit;
    current_.queue.job_size_limit = base_.queue.job_size_limit;
  }
  overrides_ = difference(base_, current_);
}

}  // namespace filed
