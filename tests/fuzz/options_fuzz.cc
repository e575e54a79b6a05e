// The two command lines: any words are options or a usage error.
#include <cstdint>
#include <string>
#include <vector>

#include "config/options.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace filed;
  std::vector<std::string> words;
  std::string word;
  for (size_t i = 0; i < size; ++i) {
    if (data[i] == '\n' || data[i] == '\0') {
      words.push_back(std::move(word));
      word.clear();
    } else {
      word += static_cast<char>(data[i]);
    }
  }
  try {
    parse_options(words);
  } catch (const UsageError&) {
  }
  try {
    parse_launch_options(words);
  } catch (const UsageError&) {
  }
  return 0;
}
