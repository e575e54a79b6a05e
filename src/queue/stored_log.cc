#include "queue/stored_log.h"

#include <algorithm>

namespace filed {

int StoredLog::read(int64_t offset, int64_t size, std::string& bytes) const {
  bytes.clear();
  std::string piece;
  while (size > 0) {
    int64_t start = offset % Store::kChunkSize;
    int64_t length = std::min(size, Store::kChunkSize - start);
    int error = store_.read_chunk(number_, offset / Store::kChunkSize, start, length, piece);
    if (error != 0 || piece.empty()) return bytes.empty() ? error : 0;
    bytes += piece;
    offset += static_cast<int64_t>(piece.size());
    size -= static_cast<int64_t>(piece.size());
  }
  return 0;
}

int StoredLog::append(Store& store, int64_t size, std::string_view bytes) const {
  int64_t chunk_number = size / Store::kChunkSize;
  std::string chunk;
  if (int error = store_.read_chunk(number_, chunk_number, 0, Store::kChunkSize, chunk)) {
    return error;
  }
  while (!bytes.empty()) {
    size_t room = static_cast<size_t>(Store::kChunkSize) - chunk.size();
    chunk += bytes.substr(0, room);
    bytes.remove_prefix(std::min(room, bytes.size()));
    if (int error = store.put_chunk(number_, chunk_number++, chunk)) return error;
    chunk.clear();
  }
  return 0;
}

}  // namespace filed
