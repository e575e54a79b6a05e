// Counts what each user holds in memory, and refuses more than upload_limit with EDQUOT: texts that
// are being written, and texts of removed jobs that are still open. Files that are open for
// writing count too, because an empty one also uses memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <unordered_map>

namespace filed {

class UserQuota {
 public:
  // A user may have one file open for writing for each 4096 bytes of the limit, but at least 256.
  static constexpr int64_t kBytesPerFile = 4096;
  static constexpr int64_t kMinFiles = 256;

  // Adds to what the user holds; a negative number gives back. `limit` is upload_limit, in bytes.
  // Returns 0, or EDQUOT if an addition goes beyond the limit: then nothing is changed.
  int charge(uid_t uid, int64_t bytes, int64_t files, int64_t limit);

  void refund(uid_t uid, int64_t bytes, int64_t files);

  // How many users hold something.
  size_t users() const { return used_.size(); }

 private:
  struct Usage {
    int64_t bytes = 0;
    int64_t files = 0;
  };
  std::unordered_map<uid_t, Usage> used_;
};

}  // namespace filed
