#include "mount/edit_buffer.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace filed {

void EditBuffer::start(std::string text) {
  text_ = std::move(text);
  shown_ = text_.size();
  started_ = true;
  edit_ = ConfigEdit::kUntouched;
}

void EditBuffer::start_empty() {
  text_.clear();
  shown_ = 0;
  edited_ = true;
  started_ = true;
  edit_ = ConfigEdit::kEmptied;
}

void EditBuffer::clear() { *this = {}; }

std::string_view EditBuffer::read(size_t offset, size_t size) const {
  return std::string_view(text_).substr(std::min(offset, text_.size()), size);
}

int EditBuffer::write(size_t offset, std::string_view bytes, bool append) {
  if (int error = refused()) return error;
  if (append) offset = text_.size();
  if (offset > kMaxSize || bytes.size() > kMaxSize - offset) {
    refuse(EFBIG);
    return EFBIG;
  }
  if (offset < shown_) shown_ = 0;
  last_end_ = offset + bytes.size();
  text_.resize(std::max(text_.size(), last_end_));
  bytes.copy(text_.data() + offset, bytes.size());
  edited_ = true;
  edit_ = ConfigEdit::kWritten;
  return 0;
}

void EditBuffer::truncate(size_t size) {
  text_.resize(std::min(size, kMaxSize));
  if (size < shown_) shown_ = 0;
  edited_ = true;
  if (edit_ != ConfigEdit::kRefused || size == 0) edit_ = ConfigEdit::kWritten;
}

void EditBuffer::refuse(int error) {
  edit_ = ConfigEdit::kRefused;
  error_ = error;
}

Edit EditBuffer::edit_up_to(size_t end) const {
  return {text_.substr(shown_, end - shown_), shown_ > 0};
}

Edit EditBuffer::complete_lines() const {
  size_t newline = std::string_view(text_).substr(0, last_end_).rfind('\n');
  return edit_up_to(newline == std::string::npos || newline < shown_ ? shown_ : newline + 1);
}

std::optional<Edit> EditBuffer::take() {
  if (edit_ != ConfigEdit::kWritten) return std::nullopt;
  edit_ = ConfigEdit::kUntouched;
  Edit edit = edit_up_to(text_.size());
  if (edit.appended) shown_ = text_.size();
  return edit;
}

std::optional<size_t> EditBuffer::edited_size() const {
  if (!edited_) return std::nullopt;
  return text_.size();
}

}  // namespace filed
