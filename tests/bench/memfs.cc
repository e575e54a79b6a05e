// memfs DIR: a FUSE filesystem with one directory, files in memory and nothing else: what any
// program of its kind has to pay for a file that is made, written and closed, and for a listing.
// Single-threaded, with the same options and timeouts as filed. Serves until it is unmounted.
#include <fuse_lowlevel.h>
#include <string.h>

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>

namespace {

struct File {
  std::string name;
  std::string bytes;
  mode_t mode;
};

std::map<fuse_ino_t, File> g_files;
std::unordered_map<std::string, fuse_ino_t> g_names;
fuse_ino_t g_next = 1000;

struct stat attributes(fuse_ino_t ino) {
  struct stat st {};
  st.st_ino = ino;
  if (ino == FUSE_ROOT_ID) {
    st.st_mode = S_IFDIR | 0755;
    st.st_nlink = 2;
    return st;
  }
  const File& file = g_files[ino];
  st.st_mode = S_IFREG | file.mode;
  st.st_nlink = 1;
  st.st_size = static_cast<off_t>(file.bytes.size());
  return st;
}

fuse_entry_param entry(fuse_ino_t ino) {
  fuse_entry_param e{};
  e.ino = ino;
  e.attr = attributes(ino);
  return e;
}

void getattr(fuse_req_t req, fuse_ino_t ino, fuse_file_info*) {
  struct stat st = attributes(ino);
  fuse_reply_attr(req, &st, ino == FUSE_ROOT_ID ? 3600 : 0);
}

void lookup(fuse_req_t req, fuse_ino_t, const char* name) {
  auto found = g_names.find(name);
  if (found == g_names.end()) {
    fuse_reply_err(req, ENOENT);
    return;
  }
  fuse_entry_param e = entry(found->second);
  e.attr_timeout = 0.001;
  fuse_reply_entry(req, &e);
}

void create(fuse_req_t req, fuse_ino_t, const char* name, mode_t mode, fuse_file_info* fi) {
  fuse_ino_t ino = g_next++;
  g_files[ino] = {name, "", mode & 07777};
  g_names[name] = ino;
  fuse_entry_param e = entry(ino);
  e.attr_timeout = 1;
  fi->direct_io = 1;
  fuse_reply_create(req, &e, fi);
}

void open_file(fuse_req_t req, fuse_ino_t, fuse_file_info* fi) {
  fi->direct_io = 1;
  fuse_reply_open(req, fi);
}

void write_file(fuse_req_t req, fuse_ino_t ino, const char* bytes, size_t size, off_t offset,
                fuse_file_info*) {
  std::string& file = g_files[ino].bytes;
  if (file.size() < offset + size) file.resize(offset + size);
  file.replace(static_cast<size_t>(offset), size, bytes, size);
  fuse_reply_write(req, size);
}

void unlink_file(fuse_req_t req, fuse_ino_t, const char* name) {
  auto found = g_names.find(name);
  if (found == g_names.end()) {
    fuse_reply_err(req, ENOENT);
    return;
  }
  g_files.erase(found->second);
  g_names.erase(found);
  fuse_reply_err(req, 0);
}

void flush(fuse_req_t req, fuse_ino_t, fuse_file_info*) { fuse_reply_err(req, 0); }

void readdir(fuse_req_t req, size_t size, off_t offset, bool plus) {
  std::string buffer(size, '\0');
  size_t used = 0;
  for (auto file = g_files.upper_bound(static_cast<fuse_ino_t>(offset)); file != g_files.end();
       ++file) {
    fuse_entry_param e = entry(file->first);
    const char* name = file->second.name.c_str();
    auto next = static_cast<off_t>(file->first);
    size_t length =
        plus ? fuse_add_direntry_plus(req, buffer.data() + used, size - used, name, &e, next)
             : fuse_add_direntry(req, buffer.data() + used, size - used, name, &e.attr, next);
    if (length > size - used) break;
    used += length;
  }
  fuse_reply_buf(req, buffer.data(), used);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  fuse_lowlevel_ops ops{};
  ops.init = [](void*, fuse_conn_info* connection) {
    connection->max_write = 128 << 10;
    connection->want &= ~static_cast<unsigned>(FUSE_CAP_SPLICE_READ);
    connection->want |= connection->capable & (FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_READDIRPLUS);
  };
  ops.getattr = getattr;
  ops.lookup = lookup;
  ops.create = create;
  ops.open = open_file;
  ops.write = write_file;
  ops.flush = flush;
  ops.release = flush;
  ops.unlink = unlink_file;
  ops.readdir = [](fuse_req_t req, fuse_ino_t, size_t size, off_t offset, fuse_file_info*) {
    readdir(req, size, offset, false);
  };
  ops.readdirplus = [](fuse_req_t req, fuse_ino_t, size_t size, off_t offset, fuse_file_info*) {
    readdir(req, size, offset, true);
  };
  const char* words[] = {"memfs", "-o", "fsname=memfs,default_permissions", nullptr};
  fuse_args args = FUSE_ARGS_INIT(3, const_cast<char**>(words));
  fuse_session* session = fuse_session_new(&args, &ops, sizeof ops, nullptr);
  fuse_opt_free_args(&args);
  if (session == nullptr || fuse_session_mount(session, argv[1]) != 0) return 1;
  fuse_session_loop(session);
  fuse_session_unmount(session);
  fuse_session_destroy(session);
}
