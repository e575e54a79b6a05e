// The mounts that this process sees, as /proc/self/mountinfo lists them.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"

namespace filed {

struct MountLine {
  int id = -1;         // no other mount has it at the same time
  int parent = -1;     // the id of the mount that it is mounted on
  std::string device;  // "0:52", the file system: a bind mount has that of its source
  std::string root;    // what of the file system is mounted: "/", or a directory that was bound
  std::string place;   // the mount point
  bool is_read_only = false;
  std::string type;  // "fuse.filed"
};

// Gives EPOLLPRI when any mount has changed. Throws Error.
Fd open_mount_table();

// The lines in the order of the kernel, read through that descriptor. Throws Error: an error does
// not mean that nothing is mounted.
std::vector<MountLine> read_mount_table(int table);

// The id of the mount that an open file lies on, -1 if it cannot be read. Does not ask the file
// system, because its server may be dead or wait for us.
int mount_id(int fd);

// The name of an open file in /proc: a system call that follows it reaches this very file, wherever
// its path leads by now.
std::string by_descriptor(int fd);

// The path of an open directory as the kernel knows it. Throws Error.
std::string path_of(int fd);

// True if another mount lies on the root of the mount with that id, at its mount point.
bool is_covered(const std::vector<MountLine>& lines, int id);

}  // namespace filed
