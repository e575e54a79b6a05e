// The tables of the state file, as the steps that lead to them.
#pragma once

#include <span>

namespace filed {

// Step n brings a file from version n to version n + 1. A step takes the same time whatever the file
// holds.
std::span<const char* const> schema_steps();

}  // namespace filed
