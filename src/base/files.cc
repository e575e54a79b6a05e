#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/fd.h"
#include "base/text.h"

namespace filed {

std::string directory_of(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::optional<std::string> real_path(const std::string& path) {
  std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), free);
  if (real == nullptr) return std::nullopt;
  return std::string(real.get());
}

std::string with_real_directory(const std::string& path) {
  std::string directory = directory_of(path);
  std::string real = directory;
  if (auto found = real_path(directory)) {
    real = *found;
  } else if (directory != "." && directory != "/") {
    real = with_real_directory(directory);
  }
  if (!real.ends_with('/')) real += '/';
  return real + path.substr(path.rfind('/') + 1);
}

int make_directories(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return 0;
  if (errno != ENOENT || path == "/") return errno;
  if (int error = make_directories(directory_of(path), mode)) return error;
  return mkdir(path.c_str(), mode) == 0 || errno == EEXIST ? 0 : errno;
}

ssize_t read_up_to(int fd, char* buffer, size_t size) {
  size_t got = 0;
  while (got < size) {
    ssize_t n = read(fd, buffer + got, size - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && got == 0) return -1;
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(got);
}

int read_all(int fd, size_t limit, std::string& text) {
  char buffer[16 * 1024];
  for (size_t left = limit; left > 0;) {
    ssize_t n = read_up_to(fd, buffer, std::min(left, sizeof buffer));
    if (n < 0) return errno;
    if (n == 0) break;
    text.append(buffer, static_cast<size_t>(n));
    left -= static_cast<size_t>(n);
  }
  return 0;
}

int read_file(const std::string& path, size_t limit, std::string& text) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd ? read_all(fd.get(), limit, text) : errno;
}

std::string script_interpreter(int fd) {
  constexpr size_t kMaxScriptLine = 255;  // the kernel reads no more of it
  char buffer[kMaxScriptLine];
  ssize_t n = pread(fd, buffer, sizeof buffer, 0);
  if (n < 2) return {};
  std::string_view line(buffer, static_cast<size_t>(n));
  if (line.substr(0, 2) != "#!") return {};
  line = line.substr(2, line.substr(2).find('\n'));
  size_t start = line.find_first_not_of(" \t");
  if (start == std::string_view::npos) return {};
  line.remove_prefix(start);
  return std::string(line.substr(0, line.find_first_of(" \t")));
}

std::vector<std::string> read_lines(const std::string& path) {
  std::string text;
  if (read_file(path, SIZE_MAX, text) != 0 || text.empty()) return {};
  if (text.back() == '\n') text.pop_back();
  return split(text, '\n');
}

}  // namespace filed
