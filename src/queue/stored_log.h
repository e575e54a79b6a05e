// A log in the store: one stream of bytes, kept in chunks of Store::kChunkSize. Only the last chunk
// may be shorter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "queue/store.h"

namespace filed {

class StoredLog {
 public:
  // `number` names the log in the store.
  StoredLog(const StoreReader& store, int64_t number) : store_(store), number_(number) {}

  // Up to `size` bytes from `offset` on; fewer at the end of the log or if the disk fails in the
  // middle. Returns 0, or the errno of the store if nothing could be read.
  int read(int64_t offset, int64_t size, std::string& bytes) const;

  // Stages in `store` `bytes` behind a log of `size` bytes that nothing else writes. Returns 0 or an
  // errno.
  int append(Store& store, int64_t size, std::string_view bytes) const;

  // The bytes that the store has. Returns 0 or an errno.
  int size(int64_t& size) const { return store_.log_size(number_, size); }

 private:
  const StoreReader& store_;
  int64_t number_;
};

}  // namespace filed
