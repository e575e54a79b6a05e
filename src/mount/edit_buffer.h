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
//     kUntouched ─────────────────► kWritten ─── refuse() ───► kRefused
//         ▲                          │   ▲  ▲                      │
//         └──────── take() ──────────┘   │  └──── truncate to 0 ───┘
//                                        │ write, truncate
//     kEmptied ──────────────────────────┘
//
// An open with O_TRUNC starts in kEmptied, any other in kUntouched. kWritten is applied by close(2)
// and fsync(2). kEmptied is applied when the last descriptor is closed: a shell's `> config.ini`
// closes a copy of the descriptor before the command writes. kRefused is never applied, because a
// part of what the writer wanted is missing.
enum class ConfigEdit : uint8_t { kUntouched, kEmptied, kWritten, kRefused };

// A text that was written; or only the lines behind the text that the file showed, if that is
// unchanged.
struct Edit {
  std::string text;
  bool appended = false;
};

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
  // `append`: behind the text, wherever `offset` is. EFBIG, which refuses the edit. The errno of
  // refuse() if the edit is refused.
  int write(size_t offset, std::string_view bytes, bool append);
  // Sizes above kMaxSize become kMaxSize.
  void truncate(size_t size);
  // Every later write() and refused() gives `error`, until the text is cut to 0.
  void refuse(int error);
  // The errno of refuse(), or 0.
  int refused() const { return edit_ == ConfigEdit::kRefused ? error_ : 0; }

  // The lines that are complete, up to where the latest write has ended: what is behind it may still
  // be overwritten or cut.
  Edit complete_lines() const;
  // What was written, if it was not taken since.
  std::optional<Edit> take();
  bool is_emptied() const { return edit_ == ConfigEdit::kEmptied; }
  // The size that the writer sees. Empty if it has never changed anything.
  std::optional<size_t> edited_size() const;

 private:
  Edit edit_up_to(size_t end) const;

  std::string text_;
  bool started_ = false;
  bool edited_ = false;  // by a write, a truncate or O_TRUNC, ever
  size_t shown_ = 0;     // the text up to here is what the file showed; 0 after an overwrite
  size_t last_end_ = 0;  // of the latest write
  int error_ = 0;        // in kRefused
  ConfigEdit edit_ = ConfigEdit::kUntouched;
};

}  // namespace filed
