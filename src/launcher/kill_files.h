// Passes the file cgroup.kill of each group from the launcher to filed (SCM_RIGHTS). With it filed
// kills an attempt itself, even if the launcher is stopped. The launcher sends the file once, when it
// makes the group, before a process can be in it.
//
// These files have a socket of their own, so that filed can read them at any moment without taking
// the launcher's other messages.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "base/fd.h"

namespace filed {

// The launcher's end. Nothing waits: what cannot be sent is left out, and then filed waits for the
// launcher when it kills an attempt of that group.
class KillFileSender {
 public:
  // The socket stays the caller's; -1: nothing is sent.
  explicit KillFileSender(int socket) : socket_(socket) {}

  // Numbers of groups are never used twice; 0 is none.
  void made(uint32_t group, int kill_file) const;
  // The group is not used for a further attempt.
  void gone(uint32_t group) const;

 private:
  const int socket_;
};

// filed's end.
class KillFiles {
 public:
  // Makes a pair of sockets: `theirs` is for the launcher. Throws Error.
  explicit KillFiles(Fd& theirs);

  // cgroup.kill of that group, open for writing; stays this object's. -1 if it has not come. Reads
  // what has come if the group is not known yet.
  int find(uint32_t group);

 private:
  void receive();

  Fd socket_;
  std::unordered_map<uint32_t, Fd> files_;  // by the group's number
};

}  // namespace filed
