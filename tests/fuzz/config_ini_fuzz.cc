// Writes to config.ini: one that is refused changes nothing, one that is taken reads back as
// itself.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/live_settings.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace filed;
  LiveSettings live(default_settings());
  auto before = live.overrides();
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (live.write(text) && live.overrides() != before) abort();
  auto after = live.overrides();
  if (live.write(live.text()) || live.overrides() != after) abort();
  LiveSettings restored(default_settings());
  restored.restore(after);
  if (restored.overrides() != after) abort();
  return 0;
}
