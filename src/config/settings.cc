#include "config/settings.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

#include "base/error.h"
#include "base/fd.h"
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

// The bytes of a file, or enough of them to see that they are too many.
std::string read_whole(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw_errno(path);
  std::string text;
  std::array<char, 4096> buffer;
  while (text.size() <= kMaxIniBytes) {
    ssize_t count = read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno(path);
    if (count == 0) break;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
  return text;
}

}  // namespace

Settings default_settings() {
  Settings settings;
  settings.queue.workers = available_cpus();
  return settings;
}

void read_config_file(const std::string& path, Settings& settings) {
  auto error = read_settings(read_whole(path), ConfigScope::kFile, path, settings);
  if (!error) return;
  std::string where = error->line == 0 ? path : path + ":" + std::to_string(error->line);
  throw Error(where + ": " + error->reason);
}

}  // namespace filed
