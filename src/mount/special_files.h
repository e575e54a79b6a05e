// The special files in the root of the mount, as a table: new-id, config.ini, status. A new special
// file is one more row in special_files.cc.
#pragma once

#include <fuse_lowlevel.h>
#include <sys/stat.h>

#include <span>
#include <string>
#include <string_view>

#include "mount/edit_buffer.h"
#include "mount/status_text.h"
#include "queue/caller.h"
#include "queue/queue.h"

namespace filed {

class SpecialFiles;

struct SpecialFile {
  std::string_view name;  // ends with a null byte
  fuse_ino_t ino;         // below kFirstJobIno
  mode_t mode;

  // What stat(2) tells. Many programs (busybox cat, nginx, tar) read exactly st_size bytes, and take
  // it for an error if there are fewer.
  struct Shown {
    size_t size = 0;         // of the text that an open would now show
    int64_t changed_ns = 0;  // when that text has changed, by the wall clock
  };
  Shown (*shown)(SpecialFiles& files);
  // Whether the text is made by the first read and not by the open, because making it uses something
  // up. Crawlers open files that they do not read.
  bool made_by_read;
  // The text for an open or read by `caller`. Returns 0 or an errno. What a read stages is committed
  // before the read is answered; an open must stage nothing.
  int (*text)(SpecialFiles& files, const Caller& caller, std::string& text);
  // Applies what a user has written. Returns 0 or an errno. nullptr if the file is read-only.
  int (*write)(SpecialFiles& files, const Edit& edit);
  // Whether the complete lines of an edit that goes on can be right. Returns 0 or an errno.
  int (*check)(SpecialFiles& files, const Edit& lines);
};

std::span<const SpecialFile> special_files();
// nullptr if no special file has this inode number.
const SpecialFile* find_special(fuse_ino_t ino);

// Requests about special files. `file` is a row of the table.
class SpecialFiles {
 public:
  SpecialFiles(Queue& queue, const Clock& clock)
      : queue_(queue), status_(queue, clock), started_ns_(clock.wall_ns()) {}

  // `flags` as for open(2). EACCES for writing to a read-only file.
  int open(const SpecialFile& file, int flags, const Caller& caller, EditBuffer& buffer);
  // Up to `size` bytes from `offset` on. Returns 0 or an errno. Valid until the buffer changes.
  int read(const SpecialFile& file, const Caller& caller, EditBuffer& buffer, size_t offset,
           size_t size, std::string_view& bytes);
  // write(2). `append`: the file was opened with O_APPEND. EFBIG, or the errno for a line that is
  // complete and wrong; then no part of the edit is ever applied.
  int write(const SpecialFile& file, EditBuffer& buffer, size_t offset, std::string_view bytes,
            bool append);
  // close(2) and fsync(2): applies what was written. Returns 0 or an errno.
  int flush(const SpecialFile& file, EditBuffer& buffer);
  // The last descriptor is closed: applies an O_TRUNC that no write has followed.
  void release(const SpecialFile& file, EditBuffer& buffer);
  // A change of attributes; `to_set` has FUSE_SET_ATTR_ bits. Only the size can be changed. Times
  // are accepted and have no effect, because programs that save a file set them. `buffer` is that
  // of the caller's descriptor, or nullptr. EPERM for a read-only file, or for anything else.
  int set(const SpecialFile& file, const struct stat& attr, int to_set, EditBuffer* buffer);

  // For the functions of the table.
  Queue& queue() { return queue_; }
  StatusText& status() { return status_; }
  int64_t started_ns() const { return started_ns_; }  // by the wall clock

 private:
  int start(const SpecialFile& file, const Caller& caller, EditBuffer& buffer);
  int truncate(const SpecialFile& file, size_t size);

  Queue& queue_;
  StatusText status_;
  const int64_t started_ns_;
};

}  // namespace filed
