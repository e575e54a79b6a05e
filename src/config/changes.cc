// Says which settings a reload or a write of config.ini has changed.
#include "config/keys.h"
#include "config/units.h"

namespace filed {
namespace {

// Hooks are commands, which may be long or have control characters.
std::string shown(const std::string& value) { return value.empty() ? "not set" : escaped(value); }

}  // namespace

std::vector<std::string> describe_changes(const Settings& before, const Settings& after) {
  std::vector<std::string> changes;
  for (const Key& key : all_keys()) {
    if (key.scope == Scope::kFile || key.is_same(before, after)) continue;
    std::string section = key.scope == Scope::kLive ? "" : "[" + std::string(key.section) + "] ";
    changes.push_back(section + std::string(key.name) + " = " + shown(key.print(after)) + " (was " +
                      shown(key.print(before)) + ")");
  }
  if (before.env != after.env) changes.emplace_back("[env] has changed");
  return changes;
}

}  // namespace filed
