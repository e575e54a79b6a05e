#include "queue/attempt_log.h"

#include <algorithm>

#include "queue/log_text.h"
#include "queue/stored_log.h"

namespace filed {

// `left` is what is left of the limit.
AttemptLog::AttemptLog(int64_t number, int64_t limit, int64_t left, int64_t room)
    : number_(number), limit_(limit), tail_limit_(std::min({limit / 4, kMaxTail, left, room / 4})) {
  head_left_ = left - tail_limit_;
}

AttemptLog::AttemptLog(int64_t number, int64_t limit, std::string_view header, int64_t room)
    : AttemptLog(number, limit, limit, room) {
  append_body(header);
}

std::shared_ptr<AttemptLog> AttemptLog::resume(const StoreReader& store, int64_t number,
                                               int64_t limit, int64_t header_size, int64_t room) {
  int64_t size = 0;
  if (store.log_size(number, size) != 0) return nullptr;
  int64_t whole = size / Store::kChunkSize;
  std::string rest;
  if (store.read_chunk(number, whole, 0, Store::kChunkSize, rest) != 0) return nullptr;
  int64_t left = limit - std::clamp<int64_t>(size - header_size, 0, limit);
  std::shared_ptr<AttemptLog> log(new AttemptLog(number, limit, left, room));
  log->first_held_ = whole;
  log->body_size_ = whole * Store::kChunkSize;
  log->append_body(rest);
  log->saved_size_ = log->staged_size_ = log->body_size_;
  return log;
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

void AttemptLog::append(std::string_view output, int64_t room) {
  auto head = std::min<int64_t>(head_left_, static_cast<int64_t>(output.size()));
  // The tail needs its part of the room.
  if (int64_t most = std::max<int64_t>(room - tail_limit_, 0); head > most) {
    head = head_left_ = most;
    over_room_ = true;
  }
  append_body(output.substr(0, static_cast<size_t>(head)));
  head_left_ -= head;
  output.remove_prefix(static_cast<size_t>(head));
  if (output.empty()) return;

  // The owner's other attempts may have taken that part.
  int64_t tail_limit = std::min(tail_limit_, tail_size() + std::min(room - head, tail_limit_));
  tail_ += output;
  int64_t excess = tail_size() - tail_limit;
  if (excess > 0) {
    over_room_ = over_room_ || tail_limit < tail_limit_;
    missing_ += excess;
    tail_start_ += static_cast<size_t>(excess);
  }
  // Moved to the front only when half of it is dropped, so that the copying stays cheap.
  if (tail_start_ > static_cast<size_t>(tail_limit_)) {
    tail_.erase(0, tail_start_);
    tail_start_ = 0;
  }
}

std::string AttemptLog::gap(int64_t missing_bytes) const {
  return over_room_ ? log_gap(missing_bytes) : log_gap(missing_bytes, limit_);
}

void AttemptLog::finish(std::string_view trailer) {
  gap_at_ = body_size_;
  if (missing_ > 0) {
    std::string line = gap(missing_);
    gap_size_ = static_cast<int64_t>(line.size());
    append_body(line);
  }
  append_body(tail_from(0, tail_size()));
  append_body(trailer);
  tail_ = {};
  tail_start_ = 0;
  finished_ = true;
}

void AttemptLog::pause(std::string_view line) {
  if (missing_ > 0) {
    missing_ += tail_size();
    tail_ = {};
    tail_start_ = 0;
  }
  finish(line);
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
    bytes = gap(head_end + missing_ - at).substr(0, static_cast<size_t>(size));
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
