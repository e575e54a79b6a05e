#include "launcher/kill_files.h"

#include <sys/socket.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "base/descriptors.h"
#include "base/error.h"
#include "launcher/cgroup.h"
#include "launcher/protocol.h"

namespace filed {
namespace {

// One packet. With a descriptor the group was made, without one it is gone.
struct Announcement {
  uint32_t group = 0;
};

void send(int socket, uint32_t group, int file) {
  Announcement message{group};
  PacketView packet{{reinterpret_cast<const char*>(&message), sizeof message}, {file, -1}};
  if (socket >= 0 && group != 0) send_packets(socket, &packet, 1, false);
}

}  // namespace

void KillFileSender::made(uint32_t group, int kill_file) const { send(socket_, group, kill_file); }

void KillFileSender::gone(uint32_t group) const { send(socket_, group, -1); }

KillFiles::KillFiles(Fd& theirs) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) throw_errno("socketpair");
  socket_.reset(pair[0]);
  theirs.reset(pair[1]);
}

int KillFiles::find(uint32_t group) {
  if (group == 0) return -1;
  auto file = files_.find(group);
  if (file == files_.end()) {
    receive();
    file = files_.find(group);
  }
  return file == files_.end() ? -1 : file->second.get();
}

void KillFiles::kill_all() {
  receive();
  for (const auto& [group, file] : files_) kill_cgroup(file.get());
}

void KillFiles::receive() {
  for (;;) {
    Announcement message;
    Fd file;
    ssize_t size =
        receive_with_descriptor(socket_.get(), &message, sizeof message, MSG_DONTWAIT, file);
    if (size < 0 && errno == EINTR) continue;
    if (size != sizeof message) return;
    if (file) {
      files_[message.group] = std::move(file);
    } else {
      files_.erase(message.group);
    }
  }
}

}  // namespace filed
