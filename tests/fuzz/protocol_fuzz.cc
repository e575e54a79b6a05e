// The launcher's packets: any bytes are no message, or one that encodes to the same bytes.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "launcher/protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace filed;
  std::string_view packet(reinterpret_cast<const char*>(data), size);
  auto message = decode(packet);
  if (message && encode(*message) != packet) abort();
  return 0;
}
