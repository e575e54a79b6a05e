// The table of all settings: one row a key says where it belongs, how it is read and how it is
// written. The configuration file, config.ini and what they complain about all come from it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/ini.h"
#include "config/settings.h"

namespace filed {

struct Key {
  std::string_view section;
  std::string_view name;

  // Reads `text` into `settings`. Returns false when it is no value of this key, with the cause in
  // `reason`; then nothing was changed.
  bool (*parse)(std::string_view text, Settings& settings, std::string& reason);

  // Writes the value in force, so that parse() reads the same back; empty when none is set. Null
  // for keys that repeat.
  std::string (*print)(const Settings& settings);

  // Further lines add to the first.
  bool repeats() const { return print == nullptr; }
};

// Every key but the names of [env], which are free; in the order in which they are shown.
std::span<const Key> all_keys();

// The key of that name, or null.
const Key* find_key(std::string_view section, std::string_view name);

enum class ConfigScope {
  kFile,   // every section
  kQueue,  // [queue] alone, whose heading may be left out: config.ini
};

// Reads an INI text into `settings`, on top of what they hold. Keys of [queue] are noted in
// queue_written, with `source` as the place where they stand. Returns the first error, with the
// settings unchanged.
std::optional<IniError> read_settings(std::string_view text, ConfigScope scope,
                                      const std::string& source, Settings& settings);

// Whether the values of [queue] go together; if not, the cause is in `reason`, with its key's name.
bool check_queue(const QueueSettings& queue, std::string& reason);

}  // namespace filed
