#include "base/mount_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace filed {
namespace {

constexpr const char* kTable = "/proc/self/mountinfo";

// The kernel writes a blank, a tab, a line end and a backslash as \ooo.
std::string unescaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>(strtol(text.substr(i + 1, 3).c_str(), nullptr, 8));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// A line is: id, parent, device, root, place, options, any number of tags, "-", type, source, options.
MountLine parse(const std::string& text) {
  MountLine line;
  std::vector<std::string> words = split(text, ' ');
  auto dash = std::find(words.begin(), words.end(), "-");
  if (words.size() < 6 || words.end() - dash < 2) return line;
  line.id = atoi(words[0].c_str());
  line.parent = atoi(words[1].c_str());
  line.device = words[2];
  line.root = unescaped(words[3]);
  line.place = unescaped(words[4]);
  line.is_read_only = !words[5].starts_with("rw");
  line.type = dash[1];
  return line;
}

}  // namespace

Fd open_mount_table() {
  Fd fd(open(kTable, O_RDONLY | O_CLOEXEC));
  if (!fd) throw_errno(kTable);
  return fd;
}

std::vector<MountLine> read_mount_table(int table) {
  std::string text;
  if (lseek(table, 0, SEEK_SET) != 0) throw_errno(kTable);
  if (int error = read_all(table, SIZE_MAX, text)) throw_errno(kTable, error);
  std::vector<MountLine> lines;
  for (const std::string& line : split(text, '\n')) {
    if (!line.empty()) lines.push_back(parse(line));
  }
  return lines;
}

int mount_id(int fd) {
  constexpr size_t kMaxInfo = 4096;
  constexpr std::string_view kField = "mnt_id:";
  std::string text;
  if (read_file("/proc/self/fdinfo/" + std::to_string(fd), kMaxInfo, text) != 0) return -1;
  size_t field = text.find(kField);
  return field == text.npos ? -1 : atoi(text.c_str() + field + kField.size());
}

std::string by_descriptor(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

std::string path_of(int fd) {
  char path[PATH_MAX];
  ssize_t size = readlink(by_descriptor(fd).c_str(), path, sizeof path);
  if (size < 0) throw_errno(by_descriptor(fd));
  return {path, static_cast<size_t>(size)};
}

bool is_covered(const std::vector<MountLine>& lines, int id) {
  auto own =
      std::find_if(lines.begin(), lines.end(), [=](const auto& line) { return line.id == id; });
  return own != lines.end() && std::any_of(lines.begin(), lines.end(), [&](const auto& line) {
           return line.parent == id && line.place == own->place;
         });
}

}  // namespace filed
