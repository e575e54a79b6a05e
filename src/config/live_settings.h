// The settings of [queue], which can be changed while filed runs. They have three layers: at
// the bottom the defaults, then the configuration file, on top what was written to config.ini. A key
// is "set here" if and only if its value differs from that of the layers below.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"

namespace filed {

class LiveSettings {
 public:
  explicit LiveSettings(const Settings& base);

  // Takes a newly read configuration. What is set here stays, except keys with the same value as
  // the file now, and keys that do not go together with it (log_warning). So overrides() may
  // change.
  void set_base(const Settings& base);

  const QueueSettings& queue() const { return current_.queue; }

  // The text of config.ini: every live key with its value and a comment that names its source.
  // After a refused write, a comment with the reason comes first. To write this text changes
  // nothing.
  std::string text() const;

  // Applies a text that was written to config.ini. Keys that it leaves out fall back to the layers
  // below. Returns nothing on success, else the reason ("line 3: retries: `abc` is not a number").
  // Then only text() changes: it shows the reason until the next success.
  std::optional<std::string> write(std::string_view text);

  // What is set here, key by key, to be stored.
  std::map<std::string, std::string> overrides() const { return overrides_; }

  // Sets what overrides() returned before the restart. Leaves out unknown keys and values that are
  // not valid any more (log_warning), and values equal to those of the layers below.
  void restore(const std::map<std::string, std::string>& overrides);

 private:
  Settings base_;
  Settings current_;  // base_ with overrides_ on top
  std::map<std::string, std::string> overrides_;
  std::optional<std::string> refusal_;
};

}  // namespace filed
