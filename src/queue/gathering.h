// Group commit: when a commit waits a moment because writers will probably close soon, so that one
// commit can serve them all.
//
// It waits for as many receipts as the latest turn with receipts had. It also waits for uploads that
// were written a moment ago, but only of users that have had a receipt, and never twice for one
// upload. If it has waited for a user's uploads in vain, it waits for others of them only after that
// user's next receipt. So a user who writes much and closes nothing delays nobody's commits.
//
// Every operation is O(log n), apart from what each upload costs once.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "queue/deadlines.h"

namespace filed {

class Gathering {
 public:
  // All times are monotonic.

  // The upload was created or written by this user.
  void written(int64_t ino, uid_t uid, int64_t now_ns);
  // Its text is staged for the user, who waits for the commit.
  void receipt(int64_t ino, uid_t uid);
  // The upload has ended.
  void forget(int64_t ino);

  // The caller waits for requests until then, and asks again after each. Empty: nobody is worth
  // waiting for, or the turn has waited long enough.
  std::optional<int64_t> until_ns(int64_t now_ns);
  void end_turn();

 private:
  struct Written {
    uid_t uid = 0;
    bool waited = false;
  };

  void give_up(int64_t ino);

  static Deadlines::Key key(int64_t ino) { return static_cast<Deadlines::Key>(ino); }

  std::unordered_set<uid_t> trusted_;             // users that are waited for
  std::unordered_set<uid_t> users_;               // that have a receipt in this turn
  std::unordered_map<int64_t, Written> uploads_;  // those in recent_, and those waited for
  Deadlines recent_;                              // until when each counts as recently written
  size_t receipts_ = 0;                           // in this turn
  size_t last_receipts_ = 0;                      // and in the last turn that had any
  std::optional<int64_t> since_ns_;               // when this turn began to wait
};

}  // namespace filed
