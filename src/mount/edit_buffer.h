// The text of an open special file. It stays as it was when it was put here, until this descriptor
// writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace filed {

// What a writer of config.ini has done that is not applied yet:
//
//                 write, truncate
//     kUntouched ─────────────────► kWritten
//         ▲                          │   ▲
//         └──────── take() ──────────┘   │ write, truncate
//                                        │
//     kEmptied ──────────────────────────┘
//
// An open with O_TRUNC starts in kEmptied, any other in kUntouched. kWritten is applied by close(2)
// and fsync(2). kEmptied is applied when the last descriptor is closed: a shell's `> config.ini`
// closes a copy of the descriptor before the command writes.
enum class ConfigEdit : uint8_t { kUntouched, kEmptied, kWritten };

class EditBuffer {
 public:
  // The largest text that can be written, in bytes.
  static constexpr size_t kMaxSize = 64 << 10;

  // Starts with `text`; or with no text, if the file was opened with O_TRUNC.
  void start(std::string text);
  void start_empty();
  // As before the start.
  void clear();
  bool is_started() const { return started_; }

  // Up to `size` bytes from `offset` on. Valid until the next change.
  std::string_view read(size_t offset, size_t size) const;
  // `append`: behind the text, wherever `offset` is. EFBIG.
  int write(size_t offset, std::string_view bytes, bool append);
  // Sizes above kMaxSize become kMaxSize.
  void truncate(size_t size);

  // The text, if it was written and not taken since.
  std::optional<std::string> take();
  bool is_emptied() const { return edit_ == ConfigEdit::kEmptied; }

 private:
  std::string text_;
  bool started_ = false;
  ConfigEdit edit_ = ConfigEdit::kUntouched;
};

}  // namespace filed
