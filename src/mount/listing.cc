#include "mount/listing.h"

#include "mount/attributes.h"

namespace filed {

bool Listing::add(const char* name, const struct stat& st, off_t next) {
  return append(name, st, next, true);
}

bool Listing::add_dots(const char* name, const struct stat& st, off_t next) {
  return append(name, st, next, false);
}

bool Listing::append(const char* name, const struct stat& st, off_t next, bool counts_as_lookup) {
  char* end = buffer_.data() + used_;
  size_t left = buffer_.size() - used_;
  size_t length;
  if (plus_) {
    fuse_entry_param entry = entry_of(st);
    if (!counts_as_lookup) entry.ino = 0;
    length = fuse_add_direntry_plus(req_, end, left, name, &entry, next);
  } else {
    length = fuse_add_direntry(req_, end, left, name, &st, next);
  }
  full_ = length > left;
  if (!full_) used_ += length;
  return !full_;
}

}  // namespace filed
