#include "mount/filesystem.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/log.h"
#include "mount/attributes.h"
#include "mount/open_file.h"

// Not defined in the <fcntl.h> of every C library.
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif

namespace filed {
namespace {

// Seconds. Long enough for the stat(2) that follows a lookup.
constexpr double kLookupTimeout = 0.001;
// Seconds. While its creator has a new job open, only requests of the kernel change it, so the
// kernel need not ask what create has just told.
constexpr double kCreatedTimeout = 1;
constexpr unsigned kMaxWrite = 128 << 10;
// The free inodes that statfs shows. There is no limit.
constexpr fsfilcnt_t kFreeFiles = 1'000'000'000;
// The block size that statfs shows if the disk cannot be asked.
constexpr unsigned long kDefaultBlockSize = 4096;

// The offsets of a listing: "." and "..", then in the root the position of an entry, and in a
// directory of jobs the job's inode number. So a listing goes on at the right place, whatever is
// added or removed in the meantime.
constexpr off_t kDotOffset = 1;
constexpr off_t kDotDotOffset = 2;

void reply_attr(fuse_req_t req, const struct stat& st) {
  fuse_reply_attr(req, &st, timeout_of(st.st_ino));
}

void refuse(fuse_req_t req, int error) { fuse_reply_err(req, error); }

Caller caller_of(fuse_req_t req) {
  const fuse_ctx* context = fuse_req_ctx(req);
  return {context->uid, context->gid};
}

bool writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }

int64_t number_of(fuse_ino_t ino) { return static_cast<int64_t>(ino); }

// nullptr for a request without a descriptor.
OpenFile* file_of(const fuse_file_info* fi) {
  return fi == nullptr ? nullptr : reinterpret_cast<OpenFile*>(fi->fh);
}

}  // namespace

Filesystem::Filesystem(Queue& queue, const StoreReader& store, Notifier& notifier,
                       const Clock& clock, const FixedNodes::Defaults& defaults,
                       bool tells_watchers)
    : queue_(queue),
      store_(store),
      clock_(clock),
      nodes_(defaults, store, clock.wall_ns()),
      specials_(queue, clock),
      replay_(queue, notifier, nodes_, clock, tells_watchers),
      waits_(queue.turn()) {}

void Filesystem::notify_moved(const Job& job, Dir from) { replay_.add(job, from, job.dir); }

void Filesystem::notify_removed(const Job& job) { replay_.add(job, job.dir, std::nullopt); }

void Filesystem::init(fuse_conn_info* connection) {
  connection->max_write = kMaxWrite;
  // Splicing would cost system calls for requests of a few hundred bytes.
  connection->want &=
      ~static_cast<unsigned>(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                             FUSE_CAP_FLOCK_LOCKS | FUSE_CAP_POSIX_LOCKS);
  connection->want |= connection->capable & (FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_READDIRPLUS);
}

// --- names and attributes

// `file`: as a descriptor sees it that has written (lseek with SEEK_END asks), or nullptr.
struct stat Filesystem::fixed_attributes(fuse_ino_t ino, const OpenFile* file) {
  struct stat st = nodes_.attributes(ino);
  if (const SpecialFile* special = find_special(ino)) {
    SpecialFile::Shown shown = special->shown(specials_);
    auto edited = file == nullptr ? std::nullopt : file->buffer.edited_size();
    st.st_size = static_cast<off_t>(edited.value_or(shown.size));
    set_times(st, shown.changed_ns, shown.changed_ns, shown.changed_ns);
  }
  return st;
}

// tail -f takes a file that is shorter than what it has read for a new one, and fstat(2) shows
// these attributes, too. So the size is too large as long as a descriptor follows an earlier, longer
// log of the job.
struct stat Filesystem::shown_attributes(const Job& job) const {
  return job_attributes(job, queue_.log_read_to(job.ino));
}

void Filesystem::lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  if (parent == kRootIno) return lookup_in_root(req, name);
  auto dir = dir_of(parent);
  if (!dir) return refuse(req, ENOENT);
  if (replay_.is_from_notifier(req)) return replay_.lookup(req, parent, name);
  std::string id = name;
  waits_.when_transaction_ends(std::string_view(id), [this, req, dir = *dir, id] {
    Job job;
    if (int error = queue_.jobs().find(dir, id, job)) return refuse(req, error);
    reply_job_entry(req, shown_attributes(job), kLookupTimeout);
  });
}

void Filesystem::lookup_in_root(fuse_req_t req, std::string_view name) {
  std::optional<fuse_ino_t> found;
  for (int i = 0; i < kDirs; ++i) {
    if (kDirNames[i] == name) found = ino_of(static_cast<Dir>(i));
  }
  for (const SpecialFile& special : special_files()) {
    if (special.name == name) found = special.ino;
  }
  if (!found) return refuse(req, name.size() > kMaxIdLength ? ENAMETOOLONG : ENOENT);
  fuse_entry_param entry = entry_of(fixed_attributes(*found));
  fuse_reply_entry(req, &entry);
}

void Filesystem::getattr(fuse_req_t req, fuse_ino_t ino, fuse_file_info* fi) {
  if (!is_job(ino)) {
    bool is_special = find_special(ino) != nullptr;
    return reply_attr(req, fixed_attributes(ino, is_special ? file_of(fi) : nullptr));
  }
  waits_.when_transaction_ends(number_of(ino), [this, req, ino] {
    Job job;
    if (int error = queue_.jobs().get(number_of(ino), job)) return refuse(req, error);
    reply_attr(req, shown_attributes(job));
  });
}

void Filesystem::setattr(fuse_req_t req, fuse_ino_t ino, struct stat* attr, int to_set,
                         fuse_file_info* fi) {
  Caller caller = caller_of(req);
  struct stat result {};
  int error;
  if (is_job(ino)) {
    error = set_job(ino, *attr, to_set, file_of(fi), caller, result);
  } else if (const SpecialFile* special = find_special(ino)) {
    OpenFile* file = file_of(fi);
    error = specials_.set(*special, *attr, to_set, file == nullptr ? nullptr : &file->buffer);
    result = fixed_attributes(ino, file);
  } else {
    error = set_directory(ino, *attr, to_set, caller.uid);
    result = nodes_.attributes(ino);
  }
  if (error != 0) return refuse(req, error);
  waits_.after_commit(req, [req, result] { reply_attr(req, result); });
}

int Filesystem::set_directory(fuse_ino_t ino, const struct stat& attr, int to_set, uid_t caller) {
  if ((to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) == 0) return 0;
  FixedNodes::Rights rights = nodes_.rights(ino);
  if (to_set & FUSE_SET_ATTR_MODE) rights.mode = attr.st_mode & 07777;
  if (to_set & FUSE_SET_ATTR_UID) rights.uid = attr.st_uid;
  if (to_set & FUSE_SET_ATTR_GID) rights.gid = attr.st_gid;
  if (int error = nodes_.change_rights(ino, rights, queue_.turn())) return error;
  log_info("%s/: mode %04o, owner %u, group %u, set by %u",
           dir_of(ino) ? dir_name(*dir_of(ino)).data() : "", rights.mode,
           static_cast<unsigned>(rights.uid), static_cast<unsigned>(rights.gid),
           static_cast<unsigned>(caller));
  return 0;
}

int Filesystem::set_job(fuse_ino_t ino, const struct stat& attr, int to_set, const OpenFile* file,
                        const Caller& caller, struct stat& result) {
  AttributeChange change = change_of(attr, to_set, clock_.wall_ns());
  bool by_writer = file != nullptr && file->job.writer;
  Job job;
  int error = queue_.check_change(number_of(ino), change, caller, by_writer);
  if (error == 0) error = queue_.set_attributes(number_of(ino), change, job);
  result = job_attributes(job);
  return error;
}

void Filesystem::unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
  if (replay_.is_from_notifier(req)) return replay_.confirm(req);
  auto dir = dir_of(parent);
  if (!dir) return refuse(req, EPERM);
  queue_.before_remove(*dir, name, [this, req, dir, name = std::string(name)](int error) {
    if (error != 0) return refuse(req, error);
    unlink_now(req, *dir, name);
  });
}

void Filesystem::unlink_now(fuse_req_t req, Dir dir, const std::string& name) {
  std::optional<int64_t> replayed = replay_.pending(dir, name);
  if (int error = queue_.remove(dir, name)) return refuse(req, error);
  replay_.supersede(replayed);
  nodes_.touch(dir, clock_.wall_ns());
  waits_.after_commit(req, [req] { fuse_reply_err(req, 0); });
}

void Filesystem::rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
                        const char* new_name, unsigned flags) {
  if (replay_.is_from_notifier(req)) return replay_.confirm(req);
  auto from = dir_of(parent);
  auto to = dir_of(new_parent);
  bool no_replace = (flags & RENAME_NOREPLACE) != 0;
  // RENAME_EXCHANGE and RENAME_WHITEOUT are not supported.
  if (!from || !to || (flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) != 0)
    return refuse(req, EPERM);
  queue_.before_rename(*from, name, *to, new_name,
                       [this, req, from, name = std::string(name), to,
                        new_name = std::string(new_name), no_replace](int error) {
                         if (error != 0) return refuse(req, error);
                         rename_now(req, *from, name, *to, new_name, no_replace);
                       });
}

void Filesystem::rename_now(fuse_req_t req, Dir from, const std::string& name, Dir to,
                            const std::string& new_name, bool no_replace) {
  auto moved = replay_.pending(from, name);
  auto replaced = replay_.pending(to, new_name);
  if (int error = queue_.rename(from, name, to, new_name, no_replace)) return refuse(req, error);
  replay_.supersede(moved);
  replay_.supersede(replaced);
  int64_t now = clock_.wall_ns();
  nodes_.touch(from, now);
  nodes_.touch(to, now);
  waits_.after_commit(req, [req] { fuse_reply_err(req, 0); });
}

// --- files

// The user behind a create, with the group of a setgid directory.
Caller Filesystem::creator(fuse_req_t req, fuse_ino_t parent) const {
  Caller caller = caller_of(req);
  const FixedNodes::Rights& rights = nodes_.rights(parent);
  if ((rights.mode & S_ISGID) && caller.gid != rights.gid) {
    caller.gid = rights.gid;
    caller.group_of_directory = true;
  }
  return caller;
}

void Filesystem::create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
                        fuse_file_info* fi) {
  std::optional<Dir> dir = dir_of(parent);
  if (!dir) return refuse(req, EPERM);
  std::string id = name;
  Caller caller = creator(req, parent);
  waits_.when_transaction_ends(std::string_view(id), [this, req, dir, id, mode, caller, fi = *fi] {
    create_now(req, *dir, id, mode, caller, fi);
  });
}

void Filesystem::create_now(fuse_req_t req, Dir dir, const std::string& name, mode_t mode,
                            const Caller& caller, const fuse_file_info& asked) {
  auto file = std::make_unique<OpenFile>(0, asked.flags);
  Job job;
  if (int error = queue_.create(dir, name, mode & 07777, caller, job, file->job))
    return refuse(req, error);
  nodes_.touch(dir, clock_.wall_ns());
  file->ino = static_cast<fuse_ino_t>(job.ino);
  // As mkstemp does it. Such a program will probably rename the file soon.
  file->job.temporary = (asked.flags & O_ACCMODE) == O_RDWR && (asked.flags & O_EXCL) != 0;
  fuse_entry_param entry = entry_of(job_attributes(job));
  entry.attr_timeout = kCreatedTimeout;
  fuse_file_info fi = file->info(asked);
  if (fuse_reply_create(req, &entry, &fi) == 0) {
    static_cast<void>(file.release());  // the kernel owns it until release()
  } else {
    queue_.close(file->job);
  }
}

void Filesystem::open(fuse_req_t req, fuse_ino_t ino, fuse_file_info* fi) {
  waits_.when_transaction_ends([this, req, ino, fi = *fi] { open_now(req, ino, fi); });
}

// Stages nothing.
void Filesystem::open_now(fuse_req_t req, fuse_ino_t ino, const fuse_file_info& asked) {
  auto file = std::make_unique<OpenFile>(ino, asked.flags);
  Caller caller = caller_of(req);
  int error = file->special == nullptr
                  ? queue_.open(number_of(ino), writes(asked.flags), (asked.flags & O_TRUNC) != 0,
                                caller, file->job)
                  : specials_.open(*file->special, asked.flags, caller, file->buffer);
  if (error != 0) return refuse(req, error);
  fuse_file_info fi = file->info(asked);
  if (fuse_reply_open(req, &fi) == 0) {
    static_cast<void>(file.release());  // the kernel owns it until release()
  } else if (file->special == nullptr) {
    queue_.close(file->job);
  }
}

void Filesystem::read(fuse_req_t req, fuse_ino_t, size_t size, off_t offset, fuse_file_info* fi) {
  OpenFile* file = file_of(fi);
  if (file->special != nullptr) return read_special(req, *file, size, offset);
  waits_.when_transaction_ends([this, req, size, offset, file] {
    std::string bytes;
    if (int error = queue_.read(file->job, offset, static_cast<int64_t>(size), bytes))
      return refuse(req, error);
    fuse_reply_buf(req, bytes.data(), bytes.size());
  });
}

void Filesystem::read_special(fuse_req_t req, OpenFile& file, size_t size, off_t offset) {
  std::string_view bytes;
  int error = specials_.read(*file.special, caller_of(req), file.buffer,
                             static_cast<size_t>(offset), size, bytes);
  if (error != 0) return refuse(req, error);
  auto reply = [req, bytes] { fuse_reply_buf(req, bytes.data(), bytes.size()); };
  // A new id must be stored before it is shown. Its text does not change until the reply, because
  // such a file cannot be written.
  if (file.special->made_by_read) return waits_.after_commit(req, reply);
  reply();
}

void Filesystem::write(fuse_req_t req, fuse_ino_t, const char* data, size_t size, off_t offset,
                       fuse_file_info* fi) {
  OpenFile* file = file_of(fi);
  std::string_view bytes(data, size);
  int error = file->special == nullptr
                  ? write_job(*file, bytes, offset)
                  : specials_.write(*file->special, file->buffer, static_cast<size_t>(offset),
                                    bytes, file->append);
  if (error == 0) {
    fuse_reply_write(req, size);
  } else {
    refuse_text(req, error);
  }
}

// A writer gets its error when it is stored that the text must not run.
void Filesystem::refuse_text(fuse_req_t req, int error) {
  waits_.when_transaction_ends([req, error] { refuse(req, error); });
}

// With O_APPEND the kernel sends the offset that it believes to be the end. Another descriptor may
// have written behind it, so the real end is used.
int Filesystem::write_job(OpenFile& file, std::string_view bytes, off_t offset) {
  Job job;
  if (file.append && queue_.jobs().get(file.job.ino, job) == 0) offset = job.size();
  return queue_.write(file.job, offset, bytes);
}

// close(2) and fsync(2): success means that the text is stored.
void Filesystem::flush(fuse_req_t req, fuse_ino_t, fuse_file_info* fi) {
  OpenFile* file = file_of(fi);
  int error = file->special == nullptr ? queue_.flush(file->job)
                                       : specials_.flush(*file->special, file->buffer);
  if (error != 0) return refuse_text(req, error);
  waits_.after_commit(req, [req] { fuse_reply_err(req, 0); });
}

void Filesystem::fsync(fuse_req_t req, fuse_ino_t ino, int, fuse_file_info* fi) {
  flush(req, ino, fi);
}

void Filesystem::release(fuse_req_t req, fuse_ino_t, fuse_file_info* fi) {
  std::unique_ptr<OpenFile> file(file_of(fi));
  if (file->special == nullptr) {
    queue_.close(file->job);
  } else {
    specials_.release(*file->special, file->buffer);
  }
  fuse_reply_err(req, 0);
}

// --- directories

void Filesystem::opendir(fuse_req_t req, fuse_ino_t ino, fuse_file_info* fi) {
  if (is_directory(ino)) {
    fuse_reply_open(req, fi);
  } else {
    fuse_reply_err(req, ENOTDIR);
  }
}

void Filesystem::readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                         fuse_file_info*) {
  list(req, ino, size, offset, false);
}

void Filesystem::readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                             fuse_file_info*) {
  list(req, ino, size, offset, true);
}

void Filesystem::list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, bool plus) {
  waits_.when_transaction_ends([this, req, ino, size, offset, plus] {
    Listing listing(req, size, plus);
    if (offset < kDotOffset) listing.add_dots(".", nodes_.attributes(ino), kDotOffset);
    if (offset < kDotDotOffset && !listing.is_full()) {
      listing.add_dots("..", nodes_.attributes(kRootIno), kDotDotOffset);
    }
    int error = 0;
    if (auto dir = dir_of(ino)) {
      if (!listing.is_full()) error = list_jobs(listing, *dir, offset);
    } else {
      list_root(listing, offset);
    }
    if (error != 0) {
      fuse_reply_err(req, error);
    } else {
      listing.reply();
    }
  });
}

void Filesystem::list_root(Listing& listing, off_t offset) {
  off_t next = kDotDotOffset;
  auto add = [&](std::string_view name, fuse_ino_t ino) {
    if (++next <= offset || listing.is_full()) return;
    listing.add(name.data(), fixed_attributes(ino), next);
  };
  for (int i = 0; i < kDirs; ++i) add(kDirNames[i], ino_of(static_cast<Dir>(i)));
  for (const SpecialFile& special : special_files()) add(special.name, special.ino);
}

int Filesystem::list_jobs(Listing& listing, Dir dir, off_t offset) {
  int64_t after = std::max<int64_t>(offset, kDotDotOffset);
  // A plain readdir tells only number and type.
  struct stat st {};
  st.st_mode = S_IFREG;
  auto add = [&](const Job& job) {
    if (listing.plus()) return listing.add(job.id.c_str(), job_attributes(job), job.ino);
    st.st_ino = static_cast<ino_t>(job.ino);
    return listing.add(job.id.c_str(), st, job.ino);
  };
  return queue_.jobs().list(dir, after, add, !listing.plus());
}

// Shows the free space of the disk that holds the state.
void Filesystem::statfs(fuse_req_t req, fuse_ino_t) {
  struct statvfs st {};
  if (store_.disk(st) != 0) st.f_bsize = st.f_frsize = kDefaultBlockSize;
  st.f_files = static_cast<fsfilcnt_t>(queue_.jobs().counts().total()) + kFreeFiles;
  st.f_ffree = st.f_favail = kFreeFiles;
  st.f_namemax = kMaxIdLength;
  fuse_reply_statfs(req, &st);
}

// --- extended attributes

int Filesystem::xattrs_of(fuse_ino_t ino, Xattrs& all) const {
  Job job;
  if (int error = queue_.jobs().get(number_of(ino), job)) return error;
  all = job_xattrs(job, queue_.retries_of(job.ino), queue_.pid_of(job.ino));
  return 0;
}

void Filesystem::getxattr(fuse_req_t req, fuse_ino_t ino, const char* name, size_t size) {
  std::string key = name;
  // Programs ask for security.capability, system.posix_acl_access and security.selinux much more
  // often; ls -l does for each file. EOPNOTSUPP tells them that no file has any.
  if (key.compare(0, 5, "user.") != 0) return refuse(req, EOPNOTSUPP);
  if (!is_job(ino)) return refuse(req, ENODATA);
  waits_.when_transaction_ends([this, req, ino, size, key] {
    Xattrs all;
    if (int error = xattrs_of(ino, all)) return refuse(req, error);
    for (const auto& [attribute, value] : all) {
      if (attribute == key) return reply_xattr(req, value, size);
    }
    fuse_reply_err(req, ENODATA);
  });
}

void Filesystem::listxattr(fuse_req_t req, fuse_ino_t ino, size_t size) {
  waits_.when_transaction_ends([this, req, ino, size] {
    Xattrs all;
    if (is_job(ino)) {
      if (int error = xattrs_of(ino, all)) return refuse(req, error);
    }
    std::string names;
    for (const auto& [attribute, value] : all) {
      names += attribute;
      names += '\0';
    }
    reply_xattr(req, names, size);
  });
}

}  // namespace filed
