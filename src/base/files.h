// Reading whole files and the #! line of a script, the directory part of a path, resolving symbolic
// links, making directories. Without <fstream> and <filesystem>, because they would add all locales
// of the C++ library to a static binary.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace filed {

// The directory of a path: "/a" of "/a/b", "/" of "/a", "." of "a".
std::string directory_of(const std::string& path);

// realpath(3); nothing when it fails.
std::optional<std::string> real_path(const std::string& path);

// The same file, with symbolic links resolved in its directory as far as that exists.
std::string with_real_directory(const std::string& path);

// Makes the directory with that absolute path, and those above it that are missing. Returns 0 or an
// errno. A directory that exists is no error and keeps its mode.
int make_directories(const std::string& path, mode_t mode);

// Reads until `size` bytes are there, the file ends or an error comes. Returns the number of bytes,
// or -1 with errno if there was an error before the first. Allocates nothing.
ssize_t read_up_to(int fd, char* buffer, size_t size);

// Appends what is left of the file to `text`, at most `limit` bytes. Returns 0 or an errno.
int read_all(int fd, size_t limit, std::string& text);

// The same for a file by name.
int read_file(const std::string& path, size_t limit, std::string& text);

// The interpreter that a script's first line (#!) names, as the kernel reads it; empty for a file
// that is no script. Reads at offset 0 and leaves the file's own offset alone.
std::string script_interpreter(int fd);

// The lines of a text file, without their newlines; none when it cannot be read.
std::vector<std::string> read_lines(const std::string& path);

}  // namespace filed
