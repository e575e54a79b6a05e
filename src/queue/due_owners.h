// Which owners may have a job to claim: now, or from some time on. Also the jobs that were passed
// over because something blocks them, so that they are looked at again when it does not.
//
// Remembers one time for each owner, not the jobs. An owner is due until a look at its jobs has shown
// otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "queue/deadlines.h"
#include "queue/shares.h"
#include "queue/store.h"

namespace filed {

class DueOwners {
 public:
  explicit DueOwners(Shares& shares) : shares_(shares) {}

  // Begins with the owners that have jobs to claim. Returns 0 or the errno of the store.
  int begin(const StoreReader& store, std::span<const uid_t> owners);
  // Jobs that may be claimed have come, in this turn.
  void note(std::span<const Store::ClaimableChange> changes);
  // These changes were rolled back.
  void note_rollback(std::span<const Store::ClaimableChange> changes);
  // The owner's jobs are to be looked at again.
  void look_again(uid_t uid);
  // The owner has no job to claim now, but may have one from `next_ns` on, if that is given.
  void set_next(uid_t uid, std::optional<int64_t> next_ns);

  // Tells the shares of owners that have become due by `now_ns`.
  void take_due(int64_t now_ns);
  // When the next owner becomes due. Wall time.
  std::optional<int64_t> next_ns() const { return waiting_.next(); }

  // Takes the owner that may have the earliest job with a time before 1970: root has put it before
  // all others. Its job may have a later time than `mtime_ns`.
  struct Urgent {
    uid_t uid = 0;
    int64_t mtime_ns = 0;
  };
  std::optional<Urgent> take_urgent();
  void add_urgent(uid_t uid, int64_t mtime_ns);

  // The job was passed over. `parked`: it is not among the jobs to claim any more.
  void block(const Job& job, bool parked);
  // Nothing blocks this job any more, or the jobs of this id: their owners are to be looked at
  // again. Returns true if the job is parked.
  bool unblock(int64_t ino);
  std::optional<int64_t> blocked_by_id(const std::string& id) const;
  bool has_blocked() const { return !blocked_.empty(); }

 private:
  struct Blocked {
    uid_t uid = 0;
    int64_t mtime_ns = 0;
    std::string id;
    bool parked = false;
  };

  void add(uid_t uid, int64_t mtime_ns);
  void unblock_id(int64_t ino);

  Shares& shares_;
  Deadlines waiting_;                             // by user id: when a job of the owner falls due
  Deadlines urgent_;                              // by user id: the earliest time before 1970
  std::unordered_map<int64_t, Blocked> blocked_;  // by inode number
  std::unordered_map<std::string, int64_t> blocked_ids_;  // id → inode number
};

}  // namespace filed
