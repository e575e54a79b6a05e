#include "mount/filesystem.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/log.h"
#include "mount/xattr.h"

namespace filed {
namespace {

// How long, in seconds, the kernel may keep names and attributes. Jobs move by themselves, and the
// sizes of the special files change: never. The directories stay where they are; what changes one
// goes through the kernel, be it by the notifier, or the kernel is told: see repeat().
constexpr double kFileTimeout = 0;
constexpr double kDirectoryTimeout = 3600;
// But what a lookup has told need not be asked for again by the stat(2) that it was for.
constexpr double kLookupTimeout = 0.001;
// While its maker has it open for writing, a job changes by what goes through the kernel only.
// Saves asking for what create has just told.
constexpr double kCreatedTimeout = 1;
constexpr size_t kMaxConfigText = 64 << 10;
constexpr unsigned kMaxWrite = 128 << 10;
// Inodes that statfs shows as free, for want of a real limit.
constexpr fsfilcnt_t kFreeFiles = 1'000'000'000;

constexpr int64_t kStatusAgeNs = kNsPerSec;

// <fcntl.h> and <stdio.h> do not have it everywhere.
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1 << 0)
#endif

constexpr off_t kDotOffset = 1;
constexpr off_t kDotDotOffset = 2;

double timeout_of(fuse_ino_t ino) { return is_directory(ino) ? kDirectoryTimeout : kFileTimeout; }

fuse_entry_param entry_of(const struct stat& st) {
  fuse_entry_param entry{};
  entry.ino = st.st_ino;
  entry.attr = st;
  entry.attr_timeout = entry.entry_timeout = timeout_of(st.st_ino);
  return entry;
}

void reply_attr(fuse_req_t req, const struct stat& st) {
  fuse_reply_attr(req, &st, timeout_of(st.st_ino));
}

Caller caller_of(fuse_req_t req) {
  const fuse_ctx* context = fuse_req_ctx(req);
  return {context->uid, context->gid};
}

bool writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY; }

}  // namespace

Filesystem::Filesystem(Queue& queue, Store& store, Notifier& notifier, const Clock& clock,
                       const Nodes::Defaults& defaults, bool tells_watchers)
    : queue_(queue),
      store_(store),
      notifier_(notifier),
      clock_(clock),
      nodes_(defaults, store, clock.wall_ns()),
      tells_watchers_(tells_watchers),
      started_ns_(clock.mono_ns()) {}

void Filesystem::notify_moved(const Job& job, Dir from) { repeat(job, from, job.dir); }

void Filesystem::notify_removed(const Job& job) { repeat(job, job.dir, std::nullopt); }

void Filesystem::repeat(const Job& job, Dir from, std::optional<Dir> to) {
  int64_t now = clock_.wall_ns();
  nodes_.touch(from, now);
  if (to) nodes_.touch(*to, now);
  if (!tells_watchers_ || !notifier_.push({job, from, to})) forget_times(from, to);
}

// What is not repeated: the kernel must be told at least that it does not know the directories'
// times any more. For the attributes alone it takes no lock that a request to us may hold.
void Filesystem::forget_times(Dir from, std::optional<Dir> to) {
  fuse_lowlevel_notify_inval_inode(session_, ino_of(from), -1, 0);
  if (to) fuse_lowlevel_notify_inval_inode(session_, ino_of(*to), -1, 0);
}

Filesystem::File* Filesystem::file_of(const fuse_file_info* fi) {
  return fi == nullptr ? nullptr : reinterpret_cast<File*>(fi->fh);
}

// Answers when the changes staged so far are committed; with the errno if they could not be.
void Filesystem::when_committed(fuse_req_t req, std::function<void()> reply) {
  if (!queue_.turn().changed()) return reply();
  queue_.turn().on_end([req, reply = std::move(reply)](int error) {
    if (error == 0) {
      reply();
    } else {
      fuse_reply_err(req, error);
    }
  });
}

// Serves a request that stages nothing once it is known whether the changes staged so far remain.
void Filesystem::when_settled(std::function<void()> request) {
  if (!queue_.turn().changed()) return request();
  queue_.turn().on_end([request = std::move(request)](int) { request(); });
}

// The same for a request about one job, by its number or by an id: what is staged of others is
// nothing to it. So one's create need not wait for another's close.
template <typename Key>
void Filesystem::when_settled(const Key& job, std::function<void()> request) {
  if (!queue_.turn().may_change(job)) return request();
  when_settled(std::move(request));
}

void Filesystem::init(fuse_conn_info* connection) {
  connection->max_write = kMaxWrite;
  // Splicing would cost system calls for requests of a few hundred bytes.
  connection->want &=
      ~static_cast<unsigned>(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                             FUSE_CAP_FLOCK_LOCKS | FUSE_CAP_POSIX_LOCKS);
  connection->want |= connection->capable & (FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_READDIRPLUS);
}

// Attributes of what is no job. There are programs that read no further than a file's size says,
// and busybox's cat (sendfile) is one. So a special file has the size of the text that an open
// would now show. Where that is not sure, at a change of length, it is rather too large: the kernel
// takes a short answer for the end.
struct stat Filesystem::fixed_attributes(fuse_ino_t ino) {
  struct stat st = nodes_.attributes(ino);
  if (ino == kNewIdIno) {
    st.st_size = static_cast<off_t>(queue_.new_id_length()) + 1;
  } else if (ino == kConfigIno) {
    st.st_size = static_cast<off_t>(queue_.settings_text().size());
  } else if (ino == kStatusIno) {
    status_ = status_text();
    status_ns_ = clock_.mono_ns();
    st.st_size = static_cast<off_t>(status_.size());
  }
  return st;
}

void Filesystem::lookup(fuse_req_t req, fuse_ino_t parent, std::string_view name) {
  if (parent == kRootIno) {
    for (const RootEntry& entry : kRootEntries) {
      if (entry.name != name) continue;
      fuse_entry_param param = entry_of(fixed_attributes(entry.ino));
      fuse_reply_entry(req, &param);
      return;
    }
    fuse_reply_err(req, name.size() > kMaxIdLength ? ENAMETOOLONG : ENOENT);
    return;
  }
  auto dir = dir_of(parent);
  if (!dir) {
    fuse_reply_err(req, ENOENT);
    return;
  }
  if (notifier_.is_from_notifier(fuse_req_ctx(req)->pid)) {
    lookup_for_notifier(req, parent, name);
    return;
  }
  when_settled(name, [this, req, dir = *dir, name = std::string(name)] {
    Job job;
    if (int error = queue_.jobs().find(dir, name, job)) {
      fuse_reply_err(req, error);
      return;
    }
    reply_job_entry(req, job, kLookupTimeout);
  });
}

// To the notifier a job is still where it was before the move that it repeats; unless a user has
// moved or removed it since.
void Filesystem::lookup_for_notifier(fuse_req_t req, fuse_ino_t parent, std::string_view name) {
  const Notifier::Event& event = notifier_.current();
  if (parent == ino_of(event.from) && name == event.job.id && !event.overtaken) {
    // As it is by now: what the kernel is told of a job, others see.
    Job job;
    bool removed = queue_.jobs().get(event.job.ino, job) != 0;
    reply_job_entry(req, removed ? event.job : job, 0);
  } else {
    if (event.overtaken) forget_times(event.from, event.to);
    fuse_reply_err(req, ENOENT);
  }
}

// What the notifier wants to be done has been done already.
void Filesystem::confirm_to_notifier(fuse_req_t req) {
  const Notifier::Event& event = notifier_.current();
  if (event.overtaken) forget_times(event.from, event.to);
  fuse_reply_err(req, event.overtaken ? ENOENT : 0);
}

// The number of a job whose move the notifier may yet have to repeat; 0: there is none.
int64_t Filesystem::waits_for_notifier(Dir dir, std::string_view id) {
  Job job;
  return notifier_.is_busy() && queue_.jobs().find(dir, id, job) == 0 ? job.ino : 0;
}

void Filesystem::reply_job_entry(fuse_req_t req, const Job& job, double attr_timeout) {
  fuse_entry_param param = entry_of(attributes_for_all(job));
  param.attr_timeout = attr_timeout;
  fuse_reply_entry(req, &param);
}

// fstat(2) asks for these, too, and tail -f takes a file that is shorter than what it has read for
// a new one. So the file is rather too large for as long as somebody follows an earlier attempt.
struct stat Filesystem::attributes_for_all(const Job& job) {
  struct stat st = job_attributes(job);
  st.st_size = std::max(st.st_size, queue_.log_read_to(job.ino));
  return st;
}

void Filesystem::getattr(fuse_req_t req, fuse_ino_t ino) {
  if (!is_job(ino)) {
    reply_attr(req, fixed_attributes(ino));
    return;
  }
  when_settled(static_cast<int64_t>(ino), [this, req, ino] {
    Job job;
    if (int error = queue_.jobs().get(static_cast<int64_t>(ino), job)) {
      fuse_reply_err(req, error);
      return;
    }
    reply_attr(req, attributes_for_all(job));
  });
}

// --- changes of names and attributes

int Filesystem::change_directory(fuse_ino_t ino, const struct stat& attr, int to_set,
                                 uid_t caller) {
  if ((to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) == 0) return 0;
  Store::DirectoryRights before = nodes_.rights(ino);
  Store::DirectoryRights rights = before;
  if (to_set & FUSE_SET_ATTR_MODE) rights.mode = attr.st_mode & 07777;
  if (to_set & FUSE_SET_ATTR_UID) rights.uid = attr.st_uid;
  if (to_set & FUSE_SET_ATTR_GID) rights.gid = attr.st_gid;
  if (int error = nodes_.change_rights(ino, rights)) return error;
  queue_.turn().on_rollback([this, ino, before] { nodes_.restore_rights(ino, before); });
  log_info("%s/: mode %04o, owner %u, group %u, set by %u",
           dir_of(ino) ? dir_name(*dir_of(ino)).data() : "", rights.mode,
           static_cast<unsigned>(rights.uid), static_cast<unsigned>(rights.gid),
           static_cast<unsigned>(caller));
  return 0;
}

void Filesystem::setattr(fuse_req_t req, fuse_ino_t ino, const struct stat* attr, int to_set,
                         fuse_file_info* fi) {
  int error = 0;
  struct stat result {};
  if (is_directory(ino)) {
    error = change_directory(ino, *attr, to_set, caller_of(req).uid);
    result = nodes_.attributes(ino);
  } else if (is_special(ino)) {
    File* file = file_of(fi);
    constexpr int kTimes = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
                           FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_CTIME;
    if (ino != kConfigIno || (to_set & ~(FUSE_SET_ATTR_SIZE | kTimes)) != 0) {
      error = EPERM;
    } else if ((to_set & FUSE_SET_ATTR_SIZE) && file != nullptr) {
      file->text.resize(std::min(static_cast<size_t>(attr->st_size), kMaxConfigText));
      file->written = true;
    } else if (to_set & FUSE_SET_ATTR_SIZE) {
      std::string text = queue_.settings_text();
      text.resize(std::min(static_cast<size_t>(attr->st_size), text.size()));
      error = queue_.write_settings(text);
    }
    result = fixed_attributes(ino);
  } else {
    int64_t now = clock_.wall_ns();
    AttributeChange change;
    if (to_set & FUSE_SET_ATTR_MODE) change.mode = attr->st_mode & 07777;
    if (to_set & FUSE_SET_ATTR_UID) change.uid = attr->st_uid;
    if (to_set & FUSE_SET_ATTR_GID) change.gid = attr->st_gid;
    if (to_set & FUSE_SET_ATTR_SIZE) change.size = attr->st_size;
    if (to_set & FUSE_SET_ATTR_ATIME) change.atime_ns = from_timespec(attr->st_atim);
    if (to_set & FUSE_SET_ATTR_MTIME) change.mtime_ns = from_timespec(attr->st_mtim);
    if (to_set & FUSE_SET_ATTR_ATIME_NOW) change.atime_ns = now;
    if (to_set & FUSE_SET_ATTR_MTIME_NOW) change.mtime_ns = now;
    Job job;
    const File* file = file_of(fi);
    bool by_writer = file != nullptr && file->job.writer;
    error = queue_.check_change(static_cast<int64_t>(ino), change, caller_of(req), by_writer);
    if (error == 0) error = queue_.set_attributes(static_cast<int64_t>(ino), change, job);
    result = job_attributes(job);
  }
  if (error != 0) {
    fuse_reply_err(req, error);
    return;
  }
  when_committed(req, [req, result] { reply_attr(req, result); });
}

void Filesystem::unlink(fuse_req_t req, fuse_ino_t parent, std::string_view name) {
  if (notifier_.is_from_notifier(fuse_req_ctx(req)->pid)) {
    confirm_to_notifier(req);
    return;
  }
  auto dir = dir_of(parent);
  int64_t overtaken = dir ? waits_for_notifier(*dir, name) : 0;
  int error = dir ? queue_.remove(*dir, name) : EPERM;
  if (error != 0) {
    fuse_reply_err(req, error);
    return;
  }
  notifier_.overtake(overtaken);
  nodes_.touch(*dir, clock_.wall_ns());
  when_committed(req, [req] { fuse_reply_err(req, 0); });
}

void Filesystem::rename(fuse_req_t req, fuse_ino_t parent, std::string_view name,
                        fuse_ino_t new_parent, std::string_view new_name, unsigned flags) {
  if (notifier_.is_from_notifier(fuse_req_ctx(req)->pid)) {
    confirm_to_notifier(req);
    return;
  }
  auto from = dir_of(parent);
  auto to = dir_of(new_parent);
  int64_t overtaken[2] = {};
  int error = EPERM;  // RENAME_EXCHANGE and RENAME_WHITEOUT among the rest
  if (from && to && (flags & ~static_cast<unsigned>(RENAME_NOREPLACE)) == 0) {
    overtaken[0] = waits_for_notifier(*from, name);
    overtaken[1] = waits_for_notifier(*to, new_name);
    error = queue_.rename(*from, name, *to, new_name, (flags & RENAME_NOREPLACE) != 0);
  }
  if (error != 0) {
    fuse_reply_err(req, error);
    return;
  }
  for (int64_t ino : overtaken) notifier_.overtake(ino);
  int64_t now = clock_.wall_ns();
  nodes_.touch(*from, now);
  nodes_.touch(*to, now);
  when_committed(req, [req] { fuse_reply_err(req, 0); });
}

// --- files

void Filesystem::create(fuse_req_t req, fuse_ino_t parent, std::string_view name, mode_t mode,
                        const fuse_file_info* fi) {
  if (dir_of(parent) != Dir::kPending) {
    fuse_reply_err(req, EPERM);
    return;
  }
  Caller caller = caller_of(req);
  const auto& rights = nodes_.rights(parent);
  if ((rights.mode & S_ISGID) && caller.gid != rights.gid) {
    caller.gid = rights.gid;
    caller.group_of_directory = true;
  }
  when_settled(name, [this, req, name = std::string(name), mode, caller, fi = *fi] {
    create_now(req, name, mode, caller, fi);
  });
}

void Filesystem::create_now(fuse_req_t req, const std::string& name, mode_t mode,
                            const Caller& caller, const fuse_file_info& asked) {
  auto file = std::make_unique<File>();
  Job job;
  if (int error = queue_.create(Dir::kPending, name, mode & 07777, caller, job, file->job)) {
    fuse_reply_err(req, error);
    return;
  }
  nodes_.touch(Dir::kPending, clock_.wall_ns());
  file->ino = static_cast<fuse_ino_t>(job.ino);
  file->append = (asked.flags & O_APPEND) != 0;
  file->job.temporary = (asked.flags & O_ACCMODE) == O_RDWR && (asked.flags & O_EXCL) != 0;
  fuse_entry_param entry = entry_of(job_attributes(job));
  entry.attr_timeout = kCreatedTimeout;
  fuse_file_info fi = asked;
  fi.direct_io = 1;
  fi.fh = reinterpret_cast<uint64_t>(file.get());
  if (fuse_reply_create(req, &entry, &fi) == 0) {
    static_cast<void>(file.release());  // release() takes it back
  } else {
    queue_.close(file->job);
  }
}

void Filesystem::open(fuse_req_t req, fuse_ino_t ino, const fuse_file_info* fi) {
  when_settled([this, req, ino, fi = *fi] { open_now(req, ino, fi); });
}

void Filesystem::open_now(fuse_req_t req, fuse_ino_t ino, const fuse_file_info& asked) {
  auto file = std::make_unique<File>();
  file->ino = ino;
  file->append = (asked.flags & O_APPEND) != 0;
  int error = is_job(ino) ? queue_.open(static_cast<int64_t>(ino), writes(asked.flags),
                                        (asked.flags & O_TRUNC) != 0, caller_of(req), file->job)
                          : open_special(*file, asked.flags);
  if (error != 0) {
    fuse_reply_err(req, error);
    return;
  }
  fuse_file_info fi = asked;
  fi.direct_io = 1;
  fi.fh = reinterpret_cast<uint64_t>(file.get());
  // (std::function wants to be copied, hence shared.)
  auto opened = std::make_shared<std::unique_ptr<File>>(std::move(file));
  auto reply = [this, req, fi, opened] {
    if (fuse_reply_open(req, &fi) == 0) {
      static_cast<void>(opened->release());  // release() takes it back
    } else if (is_job((*opened)->ino)) {
      queue_.close((*opened)->job);
    }
  };
  // A fresh id must be on disk before anybody sees it; to open a job changes nothing.
  if (is_job(ino)) {
    reply();
  } else {
    when_committed(req, reply);
  }
}

int Filesystem::open_special(File& file, int flags) {
  if (writes(flags) && file.ino != kConfigIno) return EACCES;
  switch (file.ino) {
    case kNewIdIno: {
      int error = queue_.new_id(file.text);
      file.text += '\n';
      return error;
    }
    case kStatusIno:
      // The lookup that went before has told the size of that text.
      if (status_.empty() || clock_.mono_ns() - status_ns_ > kStatusAgeNs) status_ = status_text();
      file.text = status_;
      return 0;
    default:
      file.truncated = (flags & O_TRUNC) != 0;
      if (!file.truncated) file.text = queue_.settings_text();
      return 0;
  }
}

std::string Filesystem::status_text() {
  Counts counts = queue_.jobs().counts();
  const Totals& totals = queue_.totals();
  int64_t pending = counts.of(Dir::kPending);
  std::string text;
  auto line = [&](const char* key, int64_t value) {
    text += key;
    text += ' ' + std::to_string(value) + '\n';
  };
  text += "version " FILED_VERSION "\n";
  line("uptime", (clock_.mono_ns() - started_ns_) / kNsPerSec);
  line("workers", queue_.settings().workers);
  line("pending", pending);
  line("waiting", queue_.jobs().count_waiting());
  line("drafts", pending - counts.ready);
  line("active", counts.of(Dir::kActive));
  line("failed", counts.of(Dir::kFailed));
  line("complete", counts.of(Dir::kComplete));
  line("total_started", totals.started);
  line("total_succeeded", totals.succeeded);
  line("total_retried", totals.retried);
  line("total_failed", totals.failed);
  line("total_killed", totals.killed);
  return text;
}

void Filesystem::read(fuse_req_t req, size_t size, off_t offset, const fuse_file_info* fi) {
  File* file = file_of(fi);
  if (!is_job(file->ino)) {
    std::string_view rest = file->text;
    rest.remove_prefix(std::min(static_cast<size_t>(offset), rest.size()));
    fuse_reply_buf(req, rest.data(), std::min(size, rest.size()));
    return;
  }
  when_settled([this, req, size, offset, file] {
    std::string bytes;
    if (int error = queue_.read(file->job, offset, static_cast<int64_t>(size), bytes)) {
      fuse_reply_err(req, error);
      return;
    }
    fuse_reply_buf(req, bytes.data(), bytes.size());
  });
}

void Filesystem::write(fuse_req_t req, std::string_view bytes, off_t offset,
                       const fuse_file_info* fi) {
  File* file = file_of(fi);
  int error = 0;
  if (is_job(file->ino)) {
    if (file->append) {
      Job job;
      if (queue_.jobs().get(file->job.ino, job) == 0) offset = job.size();
    }
    error = queue_.write(file->job, offset, bytes);
  } else {
    if (file->append) offset = static_cast<off_t>(file->text.size());
    size_t end = static_cast<size_t>(offset) + bytes.size();
    if (end > kMaxConfigText) {
      error = EFBIG;
    } else {
      file->text.resize(std::max(file->text.size(), end));
      bytes.copy(file->text.data() + offset, bytes.size());
      file->written = true;
      file->truncated = false;
    }
  }
  if (error != 0) {
    fuse_reply_err(req, error);
  } else {
    fuse_reply_write(req, bytes.size());
  }
}

int Filesystem::write_config(File& file) {
  if (!std::exchange(file.written, false)) return 0;
  return queue_.write_settings(file.text);
}

// close(2), fsync(2): the receipt.
void Filesystem::flush(fuse_req_t req, const fuse_file_info* fi) {
  File* file = file_of(fi);
  int error = is_job(file->ino) ? queue_.flush(file->job) : write_config(*file);
  if (error != 0) {
    fuse_reply_err(req, error);
    return;
  }
  when_committed(req, [req] { fuse_reply_err(req, 0); });
}

void Filesystem::release(fuse_req_t req, const fuse_file_info* fi) {
  std::unique_ptr<File> file(file_of(fi));
  if (is_job(file->ino)) {
    queue_.close(file->job);
  } else if (file->truncated) {
    queue_.write_settings("");  // emptied and left so: every key falls back
  }
  fuse_reply_err(req, 0);
}

// --- directories

void Filesystem::opendir(fuse_req_t req, fuse_ino_t ino, const fuse_file_info* fi) {
  if (!is_directory(ino)) {
    fuse_reply_err(req, ENOTDIR);
    return;
  }
  fuse_reply_open(req, fi);
}

// The offset of an entry is its job's number: whatever comes and goes meanwhile, a listing goes on
// behind it.
void Filesystem::readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, bool plus) {
  when_settled([this, req, ino, size, offset, plus] {
    std::string buffer(size, '\0');
    size_t used = 0;
    auto add = [&](const char* name, const struct stat& st, off_t next, bool lookup) {
      size_t length;
      if (plus) {
        fuse_entry_param entry = entry_of(st);
        if (!lookup) entry.ino = 0;  // the kernel keeps no count of "." and ".."
        length = fuse_add_direntry_plus(req, buffer.data() + used, size - used, name, &entry, next);
      } else {
        length = fuse_add_direntry(req, buffer.data() + used, size - used, name, &st, next);
      }
      if (length > size - used) return false;
      used += length;
      return true;
    };
    auto dir = dir_of(ino);
    bool more = true;
    if (offset < kDotOffset) more = add(".", nodes_.attributes(ino), kDotOffset, false);
    if (more && offset < kDotDotOffset) {
      more = add("..", nodes_.attributes(kRootIno), kDotDotOffset, false);
    }
    int error = 0;
    if (!dir) {
      off_t next = kDotDotOffset;
      for (const RootEntry& entry : kRootEntries) {
        if (++next <= offset) continue;
        if (!more) break;
        more = add(entry.name.data(), fixed_attributes(entry.ino), next, true);
      }
    } else if (more) {
      int64_t after = std::max<int64_t>(offset, kDotDotOffset);
      struct stat st {};
      st.st_mode = S_IFREG;
      auto add_job = [&](const Job& job) {
        if (plus) return add(job.id.c_str(), job_attributes(job), job.ino, true);
        // Number and type are all that a plain readdir tells.
        st.st_ino = static_cast<ino_t>(job.ino);
        return add(job.id.c_str(), st, job.ino, true);
      };
      error = queue_.jobs().list(*dir, after, add_job, !plus);
    }
    if (error != 0) {
      fuse_reply_err(req, error);
    } else {
      fuse_reply_buf(req, buffer.data(), used);
    }
  });
}

void Filesystem::statfs(fuse_req_t req) {
  struct statvfs st {};
  // The room is that of the disk which holds the state.
  if (store_.disk(st) != 0) st.f_bsize = st.f_frsize = 4096;
  st.f_files = static_cast<fsfilcnt_t>(queue_.jobs().counts().total()) + kFreeFiles;
  st.f_ffree = st.f_favail = kFreeFiles;
  st.f_namemax = kMaxIdLength;
  fuse_reply_statfs(req, &st);
}

// --- extended attributes

namespace {

// The two forms of the answer: the value, or for size 0 its length.
void reply_xattr(fuse_req_t req, const std::string& value, size_t size) {
  if (size == 0) {
    fuse_reply_xattr(req, value.size());
  } else if (size < value.size()) {
    fuse_reply_err(req, ERANGE);
  } else {
    fuse_reply_buf(req, value.data(), value.size());
  }
}

}  // namespace

void Filesystem::getxattr(fuse_req_t req, fuse_ino_t ino, std::string_view name, size_t size) {
  // Asked for much more often: security.capability, system.posix_acl_access, security.selinux. ls
  // -l asks for these of every file, unless it is told that there are none here.
  if (name.substr(0, 5) != "user.") {
    fuse_reply_err(req, EOPNOTSUPP);
    return;
  }
  if (!is_job(ino)) {
    fuse_reply_err(req, ENODATA);
    return;
  }
  when_settled([this, req, ino, size, name = std::string(name)] {
    Job job;
    if (int error = queue_.jobs().get(static_cast<int64_t>(ino), job)) {
      fuse_reply_err(req, error);
      return;
    }
    for (const auto& [key, value] :
         job_xattrs(job, queue_.settings().retries, queue_.pid_of(job.ino))) {
      if (key == name) return reply_xattr(req, value, size);
    }
    fuse_reply_err(req, ENODATA);
  });
}

void Filesystem::listxattr(fuse_req_t req, fuse_ino_t ino, size_t size) {
  when_settled([this, req, ino, size] {
    std::string names;
    Job job;
    if (is_job(ino)) {
      if (int error = queue_.jobs().get(static_cast<int64_t>(ino), job)) {
        fuse_reply_err(req, error);
        return;
      }
      for (const auto& attribute :
           job_xattrs(job, queue_.settings().retries, queue_.pid_of(job.ino))) {
        names += attribute.first;
        names += '\0';
      }
    }
    reply_xattr(req, names, size);
  });
}

// --- libfuse's table

namespace {

Filesystem& of(fuse_req_t req) { return *static_cast<Filesystem*>(fuse_req_userdata(req)); }

// Runs a request; memory that cannot be had is its answer, and nothing may throw through libfuse.
template <typename Request>
void serve(fuse_req_t req, Request request) {
  try {
    request(of(req));
  } catch (const std::bad_alloc&) {
    fuse_reply_err(req, ENOMEM);
  }
}

fuse_lowlevel_ops make_operations() {
  fuse_lowlevel_ops ops{};
  ops.init = [](void* self, fuse_conn_info* connection) {
    static_cast<Filesystem*>(self)->init(connection);
  };
  ops.lookup = [](fuse_req_t req, fuse_ino_t parent, const char* name) {
    serve(req, [&](Filesystem& fs) { fs.lookup(req, parent, name); });
  };
  ops.getattr = [](fuse_req_t req, fuse_ino_t ino, fuse_file_info*) {
    serve(req, [&](Filesystem& fs) { fs.getattr(req, ino); });
  };
  ops.setattr = [](fuse_req_t req, fuse_ino_t ino, struct stat* attr, int to_set,
                   fuse_file_info* fi) {
    serve(req, [&](Filesystem& fs) { fs.setattr(req, ino, attr, to_set, fi); });
  };
  ops.unlink = [](fuse_req_t req, fuse_ino_t parent, const char* name) {
    serve(req, [&](Filesystem& fs) { fs.unlink(req, parent, name); });
  };
  ops.rename = [](fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
                  const char* new_name, unsigned flags) {
    serve(req, [&](Filesystem& fs) { fs.rename(req, parent, name, new_parent, new_name, flags); });
  };
  ops.create = [](fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
                  fuse_file_info* fi) {
    serve(req, [&](Filesystem& fs) { fs.create(req, parent, name, mode, fi); });
  };
  ops.open = [](fuse_req_t req, fuse_ino_t ino, fuse_file_info* fi) {
    serve(req, [&](Filesystem& fs) { fs.open(req, ino, fi); });
  };
  ops.read = [](fuse_req_t req, fuse_ino_t, size_t size, off_t offset, fuse_file_info* fi) {
    serve(req, [&](Filesystem& fs) { fs.read(req, size, offset, fi); });
  };
  ops.write = [](fuse_req_t req, fuse_ino_t, const char* bytes, size_t size, off_t offset,
                 fuse_file_info* fi) {
    serve(req, [&](Filesystem& fs) { fs.write(req, {bytes, size}, offset, fi); });
  };
  ops.flush = [](fuse_req_t req, fuse_ino_t, fuse_file_info* fi) {
    serve(req, [&](Filesystem& fs) { fs.flush(req, fi); });
  };
  ops.fsync = [](fuse_req_t req, fuse_ino_t, int, fuse_file_info* fi) {
    serve(req, [&](Filesystem& fs) { fs.flush(req, fi); });
  };
  ops.release = [](fuse_req_t req, fuse_ino_t, fuse_file_info* fi) {
    serve(req, [&](Filesystem& fs) { fs.release(req, fi); });
  };
  ops.opendir = [](fuse_req_t req, fuse_ino_t ino, fuse_file_info* fi) {
    serve(req, [&](Filesystem& fs) { fs.opendir(req, ino, fi); });
  };
  ops.readdir = [](fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*) {
    serve(req, [&](Filesystem& fs) { fs.readdir(req, ino, size, offset, false); });
  };
  ops.readdirplus = [](fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*) {
    serve(req, [&](Filesystem& fs) { fs.readdir(req, ino, size, offset, true); });
  };
  ops.statfs = [](fuse_req_t req, fuse_ino_t) {
    serve(req, [&](Filesystem& fs) { fs.statfs(req); });
  };
  ops.getxattr = [](fuse_req_t req, fuse_ino_t ino, const char* name, size_t size) {
    serve(req, [&](Filesystem& fs) { fs.getxattr(req, ino, name, size); });
  };
  ops.listxattr = [](fuse_req_t req, fuse_ino_t ino, size_t size) {
    serve(req, [&](Filesystem& fs) { fs.listxattr(req, ino, size); });
  };
  // What the queue has no use for.
  ops.mkdir = [](fuse_req_t req, fuse_ino_t, const char*, mode_t) { fuse_reply_err(req, EPERM); };
  ops.rmdir = [](fuse_req_t req, fuse_ino_t, const char*) { fuse_reply_err(req, EPERM); };
  ops.symlink = [](fuse_req_t req, const char*, fuse_ino_t, const char*) {
    fuse_reply_err(req, EPERM);
  };
  ops.link = [](fuse_req_t req, fuse_ino_t, fuse_ino_t, const char*) {
    fuse_reply_err(req, EPERM);
  };
  ops.mknod = [](fuse_req_t req, fuse_ino_t, const char*, mode_t, dev_t) {
    fuse_reply_err(req, EPERM);
  };
  return ops;
}

}  // namespace

const fuse_lowlevel_ops& Filesystem::operations() {
  static const fuse_lowlevel_ops ops = make_operations();
  return ops;
}

}  // namespace filed
