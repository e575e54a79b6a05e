// The owner of the state. It belongs to the user that filed serves as, so that no job can read it,
// write it or replace it. A job that could write it could plant a job of another user.
//
// A state of an older filed belonged to root, or to the user of the jobs. It is taken over at the
// first start. A state that belongs to any other user is refused, because that user may have
// written anything into it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/users.h"
#include "confinement.h"

namespace filed {

// True for the users that a state may belong to: root, the caller, the user that serves, and the user
// of all jobs, whose state an older filed kept.
bool may_own_state(uid_t uid, const Identity& identity);

class StateTakeover {
 public:
  // For a filed that root has started; else it does nothing. Makes the state file if there is none,
  // and changes the owners of what does not belong to the serving user. `path` has no symbolic
  // links in its directory. Throws Error if the state belongs to somebody else, has hard links, or
  // lies where jobs could replace it. Then nothing is changed.
  StateTakeover(const std::string& path, const Identity& identity);
  // Gives back what was changed, unless keep() was called: a state that is refused later stays as it
  // was.
  ~StateTakeover();
  StateTakeover(const StateTakeover&) = delete;
  StateTakeover& operator=(const StateTakeover&) = delete;

  void keep();

  // Throws Error if the constructor would, as far as that can be known without a change.
  static void check(const std::string& path, const Identity& identity);

 private:
  struct Change {
    Fd fd;
    std::string path;
    uid_t uid;  // as it was
    gid_t gid;
    mode_t mode;
  };

  StateTakeover(const std::string& path, const Identity& identity, bool dry);

  void take_file(const std::string& path, const Identity& identity);
  void take_directory(const std::string& directory, const std::string& name,
                      const Identity& identity);
  void change(Fd fd, const std::string& path, gid_t gid, mode_t mode);
  void give_back();

  const bool dry_;  // changes nothing
  UserIds serving_;
  std::string made_;  // a state file that was not there; empty: none
  std::vector<Change> changes_;
};

}  // namespace filed
