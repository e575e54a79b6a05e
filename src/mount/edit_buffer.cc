#include "mount/edit_buffer.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace filed {

void EditBuffer::start(std::string text) {
  text_ = std::move(text);
  started_ = true;
  edit_ = ConfigEdit::kUntouched;
}

void EditBuffer::start_empty() {
  text_.clear();
  started_ = true;
  edit_ = ConfigEdit::kEmptied;
}

void EditBuffer::clear() { *this = {}; }

std::string_view EditBuffer::read(size_t offset, size_t size) const {
  return std::string_view(text_).substr(std::min(offset, text_.size()), size);
}

int EditBuffer::write(size_t offset, std::string_view bytes, bool append) {
  if (append) offset = text_.size();
  if (offset > kMaxSize || bytes.size() > kMaxSize - offset) return EFBIG;
  text_.resize(std::max(text_.size(), offset + bytes.size()));
  bytes.copy(text_.data() + offset, bytes.size());
  edit_ = ConfigEdit::kWritten;
  return 0;
}

void EditBuffer::truncate(size_t size) {
  text_.resize(std::min(size, kMaxSize));
  edit_ = ConfigEdit::kWritten;
}

std::optional<std::string> EditBuffer::take() {
  if (edit_ != ConfigEdit::kWritten) return std::nullopt;
  edit_ = ConfigEdit::kUntouched;
  return text_;
}

}  // namespace filed
