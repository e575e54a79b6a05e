// The table of all settings. The row of a key says everything that filed knows about it: where it
// belongs, how it is read and written, when a change of it takes effect, and whether it limits the
// processes of a job. The parser, config.ini, reload, the launcher's messages and the tests of the
// documentation all come from the rows. Also reads settings from a text (read_settings.cc).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/ini.h"
#include "config/settings.h"

namespace filed {

// When a changed key takes effect.
enum class Scope : uint8_t {
  kFile,    // at the next start
  kReload,  // when the configuration file is read again
  kLive,    // the same, and at once when it is written to config.ini
};

// How a job's own value of a key meets the admin's.
enum class JobValue : uint8_t {
  kNever,    // a job has none
  kReplace,  // the job's value counts
  kLower,    // the job may only lower the value
  kRaise,    // the job may only raise the value
};

// The value in force where the admin's is `admin` (nothing: not set) and a job asks for `job`.
std::optional<int64_t> meet(JobValue rule, std::optional<int64_t> admin, int64_t job);

// The least and the largest value of a key, as they are kept in Settings.
struct Bounds {
  int64_t min;
  int64_t max;
  std::string (*print)(int64_t value);

  bool contain(int64_t value) const { return value >= min && value <= max; }
};

struct Key {
  std::string_view section;
  std::string_view name;
  Scope scope;
  bool repeats;           // further lines add to the first
  std::string_view type;  // "duration", "size", "choice"...

  // Nothing for a type without an order.
  std::optional<Bounds> bounds;

  // Reads `text` into `settings`. Returns false when it is no value of this key, with the cause in
  // `reason`; then nothing was changed.
  bool (*parse)(std::string_view text, Settings& settings, std::string& reason);

  // Writes the value in force, so that parse() reads the same back; empty when none is set. Null
  // for keys that repeat.
  std::string (*print)(const Settings& settings);

  // Whether both settings have the same value.
  bool (*is_same)(const Settings& a, const Settings& b);

  // For a limit of a job's processes: its value; nothing when it is not set. Null for other keys.
  std::optional<int64_t> (*limit)(const LimitSettings& limits);

  JobValue job;             // how a job's own value counts
  std::string_view sample;  // a valid text that is not the default
  std::string_view help;    // one sentence
};

// Every key but the names of [env], which are free; in the order in which they are shown.
std::span<const Key> all_keys();

// The key of that name, or null.
const Key* find_key(std::string_view section, std::string_view name);

// A limit of a job's processes: the name of a key of [limits], and its value.
struct LimitValue {
  std::string_view name;  // that of the key, valid for ever
  int64_t value = 0;
};

// The limits that are set, in the order of the table.
std::vector<LimitValue> limit_values(const LimitSettings& limits);

// The key of the limit with that name, or null.
const Key* find_limit(std::string_view name);

// Whether no key differs that takes effect at the next start only.
bool same_until_restart(const Settings& a, const Settings& b);

enum class ConfigScope {
  kFile,   // every section
  kQueue,  // config.ini: [queue] alone, and its heading may be left out
};

// Reads an INI text into `settings`, on top of what they hold. Keys of [queue] are noted in
// queue_written, with `source` as the place where they stand. Returns the first error, with the
// settings unchanged.
std::optional<IniError> read_settings(std::string_view text, ConfigScope scope,
                                      const std::string& source, Settings& settings);

// Whether the values of [queue] go together; if not, the cause is in `reason`, with its key's name.
bool check_queue(const QueueSettings& queue, std::string& reason);

}  // namespace filed
