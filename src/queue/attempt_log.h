// The log of an attempt while it is being written. Its head goes to the store in chunks as it
// comes; of output beyond the limit only the tail is kept, in memory, until the end of the attempt
// puts it behind a line that says how much is missing.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "queue/store.h"

namespace filed {

class AttemptLog {
 public:
  // Of an output that is cut, at most so much of its end is kept.
  static constexpr int64_t kLongestTail = 256 << 10;

  // `number` names the log in the store; `limit` is output_limit.
  AttemptLog(int64_t number, int64_t limit, std::string_view header);

  int64_t number() const { return number_; }
  bool finished() const { return finished_; }

  void append(std::string_view output);
  // Ends the log: what follows the output is `trailer`.
  void finish(std::string_view trailer);

  // Stages what the store does not have: whole chunks, and with `all` the last, shorter one too.
  // Returns 0 or the store's errno. saved() must follow once the transaction was committed.
  int save(Store& store, bool all);
  void saved();
  // Bytes that the store does not have yet.
  int64_t unsaved() const { return body_size_ - saved_size_; }
  // Bytes held in memory, the tail aside.
  int64_t held() const { return body_size_ - first_held_ * Store::kChunkSize; }

  // The size of the file: of a running attempt, all that it has printed.
  int64_t size() const;

  // Where a reader stands who opened the log while it was being written. His offsets count what the
  // attempt printed; `shift` is what has been left out before him, who stands at `from` or behind
  // it.
  struct Reader {
    int64_t shift = 0;
    int64_t from = 0;
  };
  // Up to `size` bytes at `offset`; fewer where the end or the cut is near. Returns 0 or an errno.
  int read(Store& store, Reader& reader, int64_t offset, int64_t size, std::string& bytes);

 private:
  void append_body(std::string_view bytes);
  int read_body(Store& store, int64_t offset, int64_t size, std::string& bytes);
  std::string_view tail_from(int64_t offset, int64_t size) const;
  int64_t tail_size() const { return static_cast<int64_t>(tail_.size() - tail_start_); }

  int64_t number_;
  int64_t limit_;
  int64_t head_left_;  // output bytes that the head still takes
  int64_t tail_limit_;

  // The body is what the store gets, in order. Chunks before first_held_ are in the store only.
  std::deque<std::string> chunks_;
  int64_t first_held_ = 0;
  int64_t body_size_ = 0;
  int64_t saved_size_ = 0;
  int64_t staged_size_ = 0;

  std::string tail_;       // the last bytes of an output that is longer than its head
  size_t tail_start_ = 0;  // where they begin in it
  int64_t missing_ = 0;    // bytes left out between head and tail
  int64_t gap_at_ = 0;     // where in the body, once finished
  int64_t gap_size_ = 0;   // of the line that says so
  bool finished_ = false;
};

}  // namespace filed
