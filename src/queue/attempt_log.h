// The log of an attempt while it is being written. The head of the output goes to the store in
// chunks as it arrives. If there is more than output_limit allows, only the tail of the rest is
// kept, in memory. At the end of the attempt the tail is put behind a line that says how many bytes
// are missing. The same happens if the owner of the job has no room for more (user_bytes).
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "queue/store.h"

namespace filed {

class AttemptLog {
 public:
  // Bytes of the tail of a cut output, at most; it is a quarter of the limit if that is less.
  static constexpr int64_t kMaxTail = 256 << 10;

  // The owner has no cap.
  static constexpr int64_t kNoCap = INT64_MAX;

  // `number` names the log in the store; `limit` is output_limit; `room` is what the owner of the
  // job may add to what it has stored. The header is kept in any case.
  AttemptLog(int64_t number, int64_t limit, std::string_view header, int64_t room = kNoCap);
  // Goes on with a log that the store has. What it has behind its header of `header_size` bytes
  // counts for the limit. Returns null if it cannot be read.
  static std::shared_ptr<AttemptLog> resume(const StoreReader& store, int64_t number, int64_t limit,
                                            int64_t header_size, int64_t room = kNoCap);

  int64_t number() const { return number_; }
  bool finished() const { return finished_; }

  // `room`: what the owner may add now. What stored_size() tells was taken from it already.
  void append(std::string_view output, int64_t room = kNoCap);
  // Bytes that the store has or gets, the last lines aside.
  int64_t stored_size() const { return body_size_ + tail_size(); }
  // Ends the log with `trailer`. Nothing may be appended after it.
  void finish(std::string_view trailer);
  // The same for an attempt that goes on later. Of an output that was cut the tail is dropped, so that
  // the end of what follows has its place.
  void pause(std::string_view line);

  // Stages what the store does not have: whole chunks, and with `all` the last, shorter one too.
  // Returns 0 or the errno of the store. Call saved() after the commit.
  int save(Store& store, bool all);
  void saved();
  // Bytes that the store does not have yet.
  int64_t unsaved() const { return body_size_ - saved_size_; }
  // Bytes that a save at the end of the attempt writes, with its last lines.
  int64_t bytes_of_end() const {
    return unsaved() + tail_size() + std::min(saved_size_, StoreReader::kChunkSize) + kEndBytes;
  }
  // Bytes held in memory, the tail aside.
  int64_t held() const { return body_size_ - first_held_ * Store::kChunkSize; }

  // The size of the file: of a running attempt, all that it has printed.
  int64_t size() const;

  // Position of a reader of a growing log, which counts the bytes that it has read. From offset
  // `from` on, add `shift` to get the position in the whole output.
  struct Reader {
    int64_t shift = 0;
    int64_t from = 0;
  };
  // Up to `size` bytes at `offset`; fewer before the end or the cut. Returns 0 or an errno.
  int read(const StoreReader& store, Reader& reader, int64_t offset, int64_t size,
           std::string& bytes);

 private:
  // Room for the lines that filed adds.
  static constexpr int64_t kEndBytes = 1024;

  void append_body(std::string_view bytes);
  int read_body(const StoreReader& store, int64_t offset, int64_t size, std::string& bytes);
  std::string gap(int64_t missing_bytes) const;
  std::string_view tail_from(int64_t offset, int64_t size) const;
  int64_t tail_size() const { return static_cast<int64_t>(tail_.size() - tail_start_); }

  AttemptLog(int64_t number, int64_t limit, int64_t left, int64_t room);

  int64_t number_;
  int64_t limit_;
  int64_t head_left_;  // output bytes that the head still takes
  int64_t tail_limit_;

  // The body is what the store gets. Chunks before first_held_ are only in the store.
  std::deque<std::string> chunks_;
  int64_t first_held_ = 0;
  int64_t body_size_ = 0;
  int64_t saved_size_ = 0;
  int64_t staged_size_ = 0;

  std::string tail_;        // the last bytes of an output that is longer than its head
  size_t tail_start_ = 0;   // the bytes of tail_ before this are dropped
  bool over_room_ = false;  // cut because the owner had no room, not at limit_
  int64_t missing_ = 0;     // bytes dropped between head and tail
  int64_t gap_at_ = 0;      // where in the body, once finished
  int64_t gap_size_ = 0;    // of the line that says so
  bool finished_ = false;
};

}  // namespace filed
