#include "config/suggest.h"

#include <algorithm>
#include <cstddef>

namespace filed {
namespace {

// Edits that lead from one word to the other (Damerau and Levenshtein, adjacent swaps only). One
// row of the usual matrix a letter of `a`; a swap looks back over two of them.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before;
  std::vector<size_t> above(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    std::vector<size_t> row(b.size() + 1);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t substituted = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, substituted});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = std::move(above);
    above = std::move(row);
  }
  return above[b.size()];
}

}  // namespace

std::string_view nearest_word(std::string_view word, const std::vector<std::string_view>& known) {
  // At least half of the letters must be right, because a worse suggestion would confuse.
  std::string_view nearest;
  size_t fewest = std::max<size_t>(word.size() / 2, 1) + 1;
  for (std::string_view candidate : known) {
    // It takes at least as many edits as one word is longer.
    size_t least =
        std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size());
    if (least >= fewest || least >= candidate.size()) continue;
    size_t distance = edit_distance(word, candidate);
    if (distance >= fewest || distance >= candidate.size()) continue;
    fewest = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace filed
