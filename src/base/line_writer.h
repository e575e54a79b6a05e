// Writes lines to a descriptor that somebody else reads, and never waits for the reader.
//
// O_NONBLOCK is a flag of the open file, which other processes share: a shell has the same terminal.
// So what can be opened a second time (a pipe, a FIFO, a terminal) is opened for this writer alone. A
// socket is told with each call not to wait. What cannot be opened again is asked first whether it
// has room; only a process that fills it between the two calls could make a write wait.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace filed {

class LineWriter {
 public:
  // Writes to what `fd` refers to. The caller keeps `fd` open, and its flags stay as they are.
  explicit LineWriter(int fd);

  // Writes a line, which ends with its newline. False: it is lost, because there is no room or
  // because of an error. If there is room for a part of it, the rest is kept and goes first in the
  // next call.
  bool write(std::string_view line);

  // The descriptor of this writer alone, or -1. A process that closes its descriptors keeps it.
  int own_descriptor() const { return own_.get(); }

 private:
  enum class Kind : uint8_t { kFile, kOwn, kSocket, kShared };

  ssize_t put(std::string_view bytes) const;

  int fd_;
  Fd own_;
  Kind kind_;
  std::string rest_;
};

}  // namespace filed
