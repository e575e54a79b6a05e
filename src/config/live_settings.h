// The [queue] section as it is in force: the defaults, the configuration file over them, and over
// both what was set through config.ini. A key is "set here" exactly when its value differs from
// what lies below it.
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

  // Puts a newly read configuration below what is set here. What is set here stays, but for keys
  // that now say the same as the file, or that no longer go with it (log_warning): overrides() may
  // have changed.
  void set_base(const Settings& base);

  const QueueSettings& queue() const { return current_.queue; }

  // What config.ini reads as: after a refused write a comment with the reason, then every key of
  // [queue] with its value and, as a comment, where that is from. write() takes it back and changes
  // nothing.
  std::string text() const;

  // Applies a text that was written to config.ini: keys that it leaves out fall back to what lies
  // below. Returns nothing on success, else the reason ("line 3: retries: `abc` is not a number");
  // then nothing has changed but text(), which shows the reason until the next success.
  std::optional<std::string> write(std::string_view text);

  // What is set here, key by key, to be stored.
  std::map<std::string, std::string> overrides() const { return overrides_; }

  // Sets what overrides() gave before the restart. A key that is unknown or whose value is no
  // longer valid is left out (log_warning), and so is one that says the same as what lies below.
  void restore(const std::map<std::string, std::string>& overrides);

 private:
  Settings base_;
  Settings current_;  // base_ with overrides_ on top
  std::map<std::string, std::string> overrides_;
  std::optional<std::string> refusal_;
};

}  // namespace filed
