#include "config/settings.h"

#include <sched.h>

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "config/ini.h"
#include "config/keys.h"

namespace filed {
namespace {

int available_cpus() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  // Fails where there are more CPUs than a cpu_set_t has room for.
  int count = sched_getaffinity(0, sizeof cpus, &cpus) == 0
                  ? CPU_COUNT(&cpus)
                  : static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(count, 1, kMaxWorkers);
}

}  // namespace

Settings default_settings() {
  Settings settings;
  settings.queue.workers = available_cpus();
  return settings;
}

void read_config_file(const std::string& path, Settings& settings) {
  std::string text;
  // One byte more than is allowed shows that there are too many.
  if (int failure = read_file(path, kMaxIniBytes + 1, text)) throw_errno(path, failure);
  auto error = read_settings(text, ConfigScope::kFile, path, settings);
  if (!error) return;
  std::string where = error->line == 0 ? path : path + ":" + std::to_string(error->line);
  throw Error(where + ": " + error->reason);
}

}  // namespace filed
