// Finds what a mistyped word was meant to be.
#pragma once

#include <string_view>
#include <vector>

namespace filed {

// The word of `known` that takes the fewest edits (a letter more, less, other, or two swapped) to
// be had from `word`; empty when none is close enough to be what was meant.
std::string_view nearest_word(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace filed
