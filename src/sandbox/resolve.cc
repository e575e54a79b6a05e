#include "sandbox/resolve.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string_view>

namespace filed {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel

// Pushes the names of `path`, so that the first is on top.
void push_names(std::string_view path, std::vector<std::string>* names) {
  size_t place = names->size();
  while (!path.empty()) {
    size_t end = std::min(path.find('/'), path.size());
    if (end > 0)
      names->insert(names->begin() + static_cast<std::ptrdiff_t>(place),
                    std::string(path.substr(0, end)));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
}

// The directory that `path` starts from.
Fd start_of(std::string_view path) {
  const char* start = path.front() == '/' ? "/" : ".";
  return Fd(open(start, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

int read_link(int fd, std::string* target) {
  char buffer[PATH_MAX];
  ssize_t n = readlinkat(fd, "", buffer, sizeof buffer);
  if (n < 0) return errno;
  if (n == 0) return ENOENT;
  target->assign(buffer, static_cast<size_t>(n));
  return 0;
}

}  // namespace

int resolve(const std::string& path, Resolved* out) {
  out->directories.clear();
  if (path.empty()) return ENOENT;
  if (path.find('\0') != std::string::npos) return EINVAL;
  Fd here = start_of(path);
  if (!here || fstat(here.get(), &out->st) != 0) return errno;

  std::vector<std::string> names;
  push_names(path, &names);
  int links = 0;
  while (!names.empty()) {
    std::string name = std::move(names.back());
    names.pop_back();
    if (!S_ISDIR(out->st.st_mode)) return ENOTDIR;
    if (name == ".") continue;
    FileId directory = file_id(out->st);

    // With O_DIRECTORY first: it triggers automounts, which O_PATH alone does not.
    Fd next(openat(here.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC));
    if (!next && (errno == ENOTDIR || errno == ELOOP)) {
      next = Fd(openat(here.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    }
    if (name != "..") out->directories.push_back(directory);
    if (!next) return errno;
    struct stat st;
    if (fstat(next.get(), &st) != 0) return errno;

    if (S_ISLNK(st.st_mode)) {
      if (++links > kMaxLinks) return ELOOP;
      std::string target;
      if (int error = read_link(next.get(), &target); error != 0) return error;
      push_names(target, &names);
      if (target.front() != '/') continue;
      here = start_of(target);
      if (!here || fstat(here.get(), &out->st) != 0) return errno;
      continue;
    }
    here = std::move(next);
    out->st = st;
  }
  if (path.back() == '/' && !S_ISDIR(out->st.st_mode)) return ENOTDIR;
  out->fd = std::move(here);
  return 0;
}

}  // namespace filed
