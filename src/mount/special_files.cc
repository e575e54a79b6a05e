#include "mount/special_files.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace filed {
namespace {

SpecialFile::Shown new_id_shown(SpecialFiles& files) {
  return {Queue::kNewIdLength + 1, files.started_ns()};
}

int new_id_text(SpecialFiles& files, const Caller&, std::string& text) {
  int error = files.queue().new_id(text);
  text += '\n';
  return error;
}

SpecialFile::Shown config_shown(SpecialFiles& files) {
  return {files.queue().settings_text().size(), files.queue().settings_changed_ns()};
}

int config_text(SpecialFiles& files, const Caller&, std::string& text) {
  text = files.queue().settings_text();
  return 0;
}

int write_config(SpecialFiles& files, const Edit& edit) {
  return files.queue().write_settings(edit.text, edit.appended);
}

int check_config(SpecialFiles& files, const Edit& lines) {
  return files.queue().check_settings(lines.text, lines.appended);
}

SpecialFile::Shown status_shown(SpecialFiles& files) {
  size_t size = files.status().refresh().size();
  return {size, files.status().changed_ns()};
}

int status_text(SpecialFiles& files, const Caller&, std::string& text) {
  text = files.status().recent();
  return 0;
}

// In the order of a listing.
constexpr SpecialFile kSpecialFiles[] = {
    {"new-id", 6, 0444, new_id_shown, true, new_id_text, nullptr, nullptr},
    {"config.ini", 7, 0644, config_shown, false, config_text, write_config, check_config},
    {"status", 8, 0444, status_shown, false, status_text, nullptr, nullptr},
};

}  // namespace

std::span<const SpecialFile> special_files() { return kSpecialFiles; }

const SpecialFile* find_special(fuse_ino_t ino) {
  for (const SpecialFile& file : kSpecialFiles) {
    if (file.ino == ino) return &file;
  }
  return nullptr;
}

int SpecialFiles::open(const SpecialFile& file, int flags, const Caller& caller,
                       EditBuffer& buffer) {
  bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (writes && file.write == nullptr) return EACCES;
  if (file.write != nullptr && (flags & O_TRUNC) != 0) {
    buffer.start_empty();
    return 0;
  }
  return file.made_by_read ? 0 : start(file, caller, buffer);
}

// Not kept if what it stages is rolled back: a later read would show what was never stored.
int SpecialFiles::start(const SpecialFile& file, const Caller& caller, EditBuffer& buffer) {
  std::string text;
  if (int error = file.text(*this, caller, text)) return error;
  buffer.start(std::move(text));
  if (file.made_by_read) queue_.turn().on_rollback([&buffer] { buffer.clear(); });
  return 0;
}

int SpecialFiles::read(const SpecialFile& file, const Caller& caller, EditBuffer& buffer,
                       size_t offset, size_t size, std::string_view& bytes) {
  if (!buffer.is_started()) {
    if (int error = start(file, caller, buffer)) return error;
  }
  bytes = buffer.read(offset, size);
  return 0;
}

// So that the program that has written a wrong line reports it. Many ignore an error of close(2).
int SpecialFiles::write(const SpecialFile& file, EditBuffer& buffer, size_t offset,
                        std::string_view bytes, bool append) {
  if (int error = buffer.write(offset, bytes, append)) return error;
  if (bytes.find('\n') == std::string_view::npos) return 0;
  int error = file.check(*this, buffer.complete_lines());
  if (error != 0) buffer.refuse(error);
  return error;
}

int SpecialFiles::flush(const SpecialFile& file, EditBuffer& buffer) {
  if (int error = buffer.refused()) return error;
  auto written = buffer.take();
  return written ? file.write(*this, *written) : 0;
}

void SpecialFiles::release(const SpecialFile& file, EditBuffer& buffer) {
  if (buffer.is_emptied()) file.write(*this, {});
}

int SpecialFiles::set(const SpecialFile& file, const struct stat& attr, int to_set,
                      EditBuffer* buffer) {
  constexpr int kTimes = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
                         FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_CTIME;
  if (file.write == nullptr || (to_set & ~(FUSE_SET_ATTR_SIZE | kTimes)) != 0) return EPERM;
  if ((to_set & FUSE_SET_ATTR_SIZE) == 0) return 0;
  auto size = static_cast<size_t>(attr.st_size);
  if (buffer == nullptr) return truncate(file, size);
  buffer->truncate(size);
  return 0;
}

// Without a descriptor: applied at once.
int SpecialFiles::truncate(const SpecialFile& file, size_t size) {
  std::string text;
  if (int error = file.text(*this, {}, text)) return error;
  text.resize(std::min(size, text.size()));
  return file.write(*this, {text});
}

}  // namespace filed
