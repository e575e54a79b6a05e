#include "queue/attempt_log.h"

#include <algorithm>

#include "queue/log_text.h"
#include "queue/stored_log.h"

namespace filed {

AttemptLog::AttemptLog(int64_t number, int64_t limit, std::string_view header)
    : number_(number), limit_(limit), tail_limit_(std::min(limit / 4, kMaxTail)) {
  head_left_ = limit - tail_limit_;
  append_body(header);
}

void AttemptLog::append_body(std::string_view bytes) {
  while (!bytes.empty()) {
    if (chunks_.empty() || chunks_.back().size() == Store::kChunkSize) chunks_.emplace_back();
    std::string& last = chunks_.back();
    size_t size = std::min(bytes.size(), static_cast<size_t>(Store::kChunkSize) - last.size());
    last += bytes.substr(0, size);
    body_size_ += static_cast<int64_t>(size);
    bytes.remove_prefix(size);
  }
}

void AttemptLog::append(std::string_view output) {
  auto head =
      static_cast<size_t>(std::min<int64_t>(head_left_, static_cast<int64_t>(output.size())));
  append_body(output.substr(0, head));
  head_left_ -= static_cast<int64_t>(head);
  output.remove_prefix(head);
  if (output.empty()) return;

  tail_ += output;
  int64_t excess = tail_size() - tail_limit_;
  if (excess > 0) {
    missing_ += excess;
    tail_start_ += static_cast<size_t>(excess);
  }
  // Moved to the front only when half of it is dropped, so that the copying stays cheap.
  if (tail_start_ > static_cast<size_t>(tail_limit_)) {
    tail_.erase(0, tail_start_);
    tail_start_ = 0;
  }
}

void AttemptLog::finish(std::string_view trailer) {
  gap_at_ = body_size_;
  if (missing_ > 0) {
    std::string gap = log_gap(missing_, limit_);
    gap_size_ = static_cast<int64_t>(gap.size());
    append_body(gap);
  }
  append_body(tail_from(0, tail_size()));
  append_body(trailer);
  tail_ = {};
  tail_start_ = 0;
  finished_ = true;
}

int AttemptLog::save(Store& store, bool all) {
  int64_t number = first_held_;
  int64_t end = first_held_ * Store::kChunkSize;
  for (const std::string& chunk : chunks_) {
    end += static_cast<int64_t>(chunk.size());
    bool whole = chunk.size() == Store::kChunkSize;
    if (end > saved_size_ && (whole || all)) {
      if (int error = store.put_chunk(number_, number, chunk)) return error;
      staged_size_ = end;
    }
    ++number;
  }
  return 0;
}

void AttemptLog::saved() {
  saved_size_ = std::max(saved_size_, staged_size_);
  while (!chunks_.empty() && chunks_.front().size() == Store::kChunkSize &&
         (first_held_ + 1) * Store::kChunkSize <= saved_size_) {
    chunks_.pop_front();
    ++first_held_;
  }
}

int64_t AttemptLog::size() const {
  return finished_ ? body_size_ : body_size_ + missing_ + tail_size();
}

std::string_view AttemptLog::tail_from(int64_t offset, int64_t size) const {
  return std::string_view(tail_).substr(tail_start_ + static_cast<size_t>(offset),
                                        static_cast<size_t>(size));
}

int AttemptLog::read_body(const StoreReader& store, int64_t offset, int64_t size,
                          std::string& bytes) {
  bytes.clear();
  int64_t end = std::min(offset + size, body_size_);
  int64_t stored_end = std::min(end, first_held_ * Store::kChunkSize);
  if (offset < stored_end) {
    int64_t wanted = stored_end - offset;
    if (int error = StoredLog(store, number_).read(offset, wanted, bytes)) return error;
    offset += static_cast<int64_t>(bytes.size());
    if (offset < stored_end) return 0;
  }
  while (offset < end) {
    int64_t start = offset % Store::kChunkSize;
    int64_t length = std::min(end - offset, Store::kChunkSize - start);
    const std::string& chunk =
        chunks_[static_cast<size_t>(offset / Store::kChunkSize - first_held_)];
    bytes.append(chunk, static_cast<size_t>(start), static_cast<size_t>(length));
    offset += length;
  }
  return 0;
}

int AttemptLog::read(const StoreReader& store, Reader& reader, int64_t offset, int64_t size,
                     std::string& bytes) {
  bytes.clear();
  // The position in the whole output: head, missing bytes, tail.
  int64_t at = offset < reader.from ? offset : offset + reader.shift;
  int64_t head_end = finished_ ? gap_at_ : body_size_;
  if (at < head_end) return read_body(store, at, std::min(size, head_end - at), bytes);
  if (at < head_end + missing_) {
    bytes = log_gap(head_end + missing_ - at, limit_).substr(0, static_cast<size_t>(size));
    reader.from = offset + static_cast<int64_t>(bytes.size());
    reader.shift = head_end + missing_ - reader.from;
    return 0;
  }
  if (finished_) return read_body(store, at - missing_ + gap_size_, size, bytes);
  int64_t in_tail = at - head_end - missing_;
  if (in_tail < tail_size()) bytes = tail_from(in_tail, size);
  return 0;
}

}  // namespace filed
