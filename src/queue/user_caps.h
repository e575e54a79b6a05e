// What one user may have: the caps user_jobs, user_bytes and user_open. They do not hold for root.
//
// Most of it is in the counts that the store keeps for each owner. The rest is counted here, because
// no row has it: new jobs that are not stored yet, output of attempts that run, discarded logs that
// are still being read, and open files.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <unordered_map>

#include "queue/core.h"

namespace filed {

class UserCaps {
 public:
  // What a job counts for user_bytes besides its text and its log. Its row and its places in the
  // indexes take no more, whatever its id.
  static constexpr int64_t kRowBytes = 1024;

  explicit UserCaps(const Core& core) : core_(core) {}

  // EDQUOT if the owner may not have one job more, with so many bytes of text and log.
  int check_job(uid_t uid, int64_t bytes) const;
  // EDQUOT if the owner may not have so many bytes more. A number below 1 is always permitted.
  int check_bytes(uid_t uid, int64_t bytes) const;
  // EDQUOT if the user may not open one file more.
  int check_open(uid_t uid) const;

  bool limits_bytes() const { return core_.settings().user_bytes > 0; }
  // How many bytes the owner may still add, at least 0; INT64_MAX without a cap.
  int64_t room(uid_t uid) const;

  // What is in no row; negative numbers take it back.
  void add_new_jobs(uid_t uid, int by) { of_[uid].new_jobs += by; }
  void add_bytes(uid_t uid, int64_t by) { of_[uid].bytes += by; }
  void add_open(uid_t uid, int by) { of_[uid].open += by; }

 private:
  struct Unstored {
    int64_t new_jobs = 0;
    int64_t bytes = 0;
    int64_t open = 0;
  };

  Unstored unstored(uid_t uid) const;
  int64_t bytes_of(uid_t uid) const;

  const Core core_;
  std::unordered_map<uid_t, Unstored> of_;  // each user since the start
};

}  // namespace filed
