// The reader of filed.conf: any text is settings or an error with a line.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/ini.h"
#include "config/keys.h"
#include "config/settings.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace filed;
  Settings settings = default_settings();
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto error = read_settings(text, ConfigScope::kFile, "/etc/filed/filed.conf", settings);
  if (error && (error->line < 0 || error->reason.empty())) abort();
  return 0;
}
