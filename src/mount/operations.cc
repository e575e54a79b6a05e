#include "mount/operations.h"

#include <cerrno>
#include <new>

#include "mount/filesystem.h"

namespace filed {
namespace {

// Calls one method of the Filesystem. Nothing may throw through libfuse: if there is not enough
// memory, the answer is ENOMEM.
template <auto method>
struct Operation;

template <typename... Args, void (Filesystem::*method)(fuse_req_t, Args...)>
struct Operation<method> {
  static void call(fuse_req_t req, Args... args) {
    try {
      (static_cast<Filesystem*>(fuse_req_userdata(req))->*method)(req, args...);
    } catch (const std::bad_alloc&) {
      fuse_reply_err(req, ENOMEM);
    }
  }
};

template <auto method>
constexpr auto call = Operation<method>::call;

// For what the queue has no use for: directories, links, devices.
template <typename... Args>
void refuse(fuse_req_t req, Args...) {
  fuse_reply_err(req, EPERM);
}

void init(void* self, fuse_conn_info* connection) {
  static_cast<Filesystem*>(self)->init(connection);
}

fuse_lowlevel_ops make_operations() {
  fuse_lowlevel_ops ops{};
  ops.init = init;
  ops.lookup = call<&Filesystem::lookup>;
  ops.getattr = call<&Filesystem::getattr>;
  ops.setattr = call<&Filesystem::setattr>;
  ops.unlink = call<&Filesystem::unlink>;
  ops.rename = call<&Filesystem::rename>;
  ops.create = call<&Filesystem::create>;
  ops.open = call<&Filesystem::open>;
  ops.read = call<&Filesystem::read>;
  ops.write = call<&Filesystem::write>;
  ops.flush = call<&Filesystem::flush>;
  ops.fsync = call<&Filesystem::fsync>;
  ops.release = call<&Filesystem::release>;
  ops.opendir = call<&Filesystem::opendir>;
  ops.readdir = call<&Filesystem::readdir>;
  ops.readdirplus = call<&Filesystem::readdirplus>;
  ops.statfs = call<&Filesystem::statfs>;
  ops.getxattr = call<&Filesystem::getxattr>;
  ops.listxattr = call<&Filesystem::listxattr>;
  ops.mkdir = refuse;
  ops.rmdir = refuse;
  ops.symlink = refuse;
  ops.link = refuse;
  ops.mknod = refuse;
  return ops;
}

}  // namespace

const fuse_lowlevel_ops& filesystem_operations() {
  static const fuse_lowlevel_ops ops = make_operations();
  return ops;
}

}  // namespace filed
