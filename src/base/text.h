// Splits text at a separator.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace filed {

// The parts of `text` between separators, also empty ones. An empty text has one part.
inline std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (size_t start = 0;;) {
    size_t end = text.find(separator, start);
    parts.emplace_back(text.substr(start, end - start));
    if (end == text.npos) return parts;
    start = end + 1;
  }
}

}  // namespace filed
