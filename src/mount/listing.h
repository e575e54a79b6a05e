// The answer to a readdir or readdirplus request: directory entries, as many as the kernel's buffer
// takes.
#pragma once

#include <fuse_lowlevel.h>
#include <sys/stat.h>

#include <string>

namespace filed {

class Listing {
 public:
  // `plus`: each entry comes with its attributes.
  Listing(fuse_req_t req, size_t size, bool plus) : req_(req), plus_(plus), buffer_(size, '\0') {}

  bool plus() const { return plus_; }
  bool is_full() const { return full_; }

  // Adds an entry. A later request with the offset `next` goes on behind it. Returns false if there
  // is no space for it.
  bool add(const char* name, const struct stat& st, off_t next);
  // The same for "." and "..", which the kernel does not count as looked up.
  bool add_dots(const char* name, const struct stat& st, off_t next);

  void reply() { fuse_reply_buf(req_, buffer_.data(), used_); }

 private:
  bool append(const char* name, const struct stat& st, off_t next, bool counts_as_lookup);

  fuse_req_t req_;
  bool plus_;
  std::string buffer_;
  size_t used_ = 0;
  bool full_ = false;
};

}  // namespace filed
