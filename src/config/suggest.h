// Finds the known word that a mistyped word probably means.
#pragma once

#include <string_view>
#include <vector>

namespace filed {

// The word of `known` that is the fewest edits from `word`. An edit adds, removes or changes a
// letter, or swaps two neighbours. Empty if no word is close enough.
std::string_view nearest_word(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace filed
