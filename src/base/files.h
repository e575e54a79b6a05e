// Small things about files and their names. They do without <fstream> and <filesystem>, which would
// bring all of the C++ library's locales into a static binary.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace filed {

// The folder of a path: "/a" of "/a/b", "/" of "/a", "." of "a".
std::string folder_of(const std::string& path);

// realpath(3); nothing when it fails.
std::optional<std::string> real_path(const std::string& path);

// The same file, its folder named without symbolic links as far as it is there.
std::string with_real_folder(const std::string& path);

// Makes the folder of that absolute path, and those above it that are missing. Returns 0 or an
// errno; one that is there already is no error, and keeps its mode.
int make_folders(const std::string& path, mode_t mode);

// The lines of a text file, without their newlines; none when it cannot be read.
std::vector<std::string> read_lines(const std::string& path);

}  // namespace filed
