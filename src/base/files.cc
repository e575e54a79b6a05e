#include "base/files.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace filed {

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::optional<std::string> real_path(const std::string& path) {
  std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), free);
  if (real == nullptr) return std::nullopt;
  return real.get();
}

std::string with_real_folder(const std::string& path) {
  std::string folder = folder_of(path);
  std::string real = folder;
  if (auto found = real_path(folder)) {
    real = *found;
  } else if (folder != "." && folder != "/") {
    real = with_real_folder(folder);
  }
  if (!real.ends_with('/')) real += '/';
  return real + path.substr(path.rfind('/') + 1);
}

int make_folders(const std::string& path, mode_t mode) {
  if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return 0;
  if (errno != ENOENT || path == "/") return errno;
  if (int error = make_folders(folder_of(path), mode)) return error;
  return mkdir(path.c_str(), mode) == 0 || errno == EEXIST ? 0 : errno;
}

std::vector<std::string> read_lines(const std::string& path) {
  std::vector<std::string> lines;
  std::unique_ptr<FILE, int (*)(FILE*)> file(fopen(path.c_str(), "re"), fclose);
  if (file == nullptr) return lines;
  char* line = nullptr;
  size_t room = 0;
  ssize_t size;
  while ((size = getline(&line, &room, file.get())) >= 0) {
    if (size > 0 && line[size - 1] == '\n') --size;
    lines.emplace_back(line, static_cast<size_t>(size));
  }
  free(line);
  return lines;
}

}  // namespace filed
