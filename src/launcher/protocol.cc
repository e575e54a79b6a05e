// A packet is one byte that tells its kind, then the kind's fields in the order of the struct,
// without padding: numbers in host order, strings as a 32-bit length and that many bytes. A packet
// with bytes left over is malformed, and so is one with a string that reaches past its end.
#include "launcher/protocol.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <type_traits>

namespace filed {
namespace {

constexpr size_t kMaxId = 255;  // NAME_MAX: an id is a file's name
constexpr size_t kMaxPath = 4096;
constexpr size_t kMaxStep = 512;
constexpr size_t kMaxLimitName = 64;

enum class Kind : uint8_t {
  kStart = 1,
  kConfigure,
  kTerminate,
  kKill,
  kMounted,
  kQuit,
  kStarted,
  kStartFailed,
  kKilled,
  kUndying,
  kExited,
};

class FieldWriter {
 public:
  explicit FieldWriter(Kind kind) { number(kind); }

  template <typename T>
  void number(T value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

  void string(std::string_view text) {
    number(static_cast<uint32_t>(text.size()));
    bytes_.append(text);
  }

  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads fields as long as they are there; ok() tells at the end whether all of them were.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  void number(T& value) {
    static_assert(std::is_integral_v<T>);
    if (!take(sizeof value)) return;
    memcpy(&value, taken_.data(), sizeof value);
  }

  void boolean(bool& value) {
    uint8_t byte = 0;
    number(byte);
    if (byte > 1) ok_ = false;
    value = byte == 1;
  }

  void fault(Fault& value) {
    uint8_t byte = 0;
    number(byte);
    if (byte > static_cast<uint8_t>(Fault::kMachine)) ok_ = false;
    value = static_cast<Fault>(byte);
  }

  // A string with a NUL is refused, because system calls would silently cut it there.
  void string(std::string_view& text, size_t longest) {
    uint32_t length = 0;
    number(length);
    if (length > longest) ok_ = false;
    if (!take(length)) return;
    text = taken_;
    if (text.find('\0') != std::string_view::npos) ok_ = false;
  }

  void fail() { ok_ = false; }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && bytes_.empty(); }

 private:
  bool take(size_t count) {
    if (!ok_ || count > bytes_.size()) {
      ok_ = false;
      return false;
    }
    taken_ = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return true;
  }

  std::string_view bytes_;
  std::string_view taken_;
  bool ok_ = true;
};

using Limits = std::vector<LimitValue>;

void write_limits(FieldWriter& out, const Limits& limits) {
  out.number(static_cast<uint32_t>(limits.size()));
  for (const LimitValue& limit : limits) {
    out.string(limit.name);
    out.number(limit.value);
  }
}

// Takes only limits of the table, each once and within its bounds.
void read_limits(FieldReader& in, Limits& limits) {
  uint32_t count = 0;
  in.number(count);
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    std::string_view name;
    int64_t value = 0;
    in.string(name, kMaxLimitName);
    in.number(value);
    const Key* key = find_limit(name);
    bool is_double = std::ranges::find(limits, name, &LimitValue::name) != limits.end();
    if (key == nullptr || is_double || !key->bounds->contain(value)) in.fail();
    if (in.ok()) limits.push_back({key->name, value});
  }
}

using Env = std::vector<std::pair<std::string_view, std::string_view>>;

void write_env(FieldWriter& out, const Env& env) {
  out.number(static_cast<uint32_t>(env.size()));
  for (const auto& [name, value] : env) {
    out.string(name);
    out.string(value);
  }
}

void read_env(FieldReader& in, Env& env) {
  uint32_t count = 0;
  in.number(count);
  // A wrong count does no harm, because each turn takes at least the eight bytes of two lengths.
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    std::string_view name;
    std::string_view value;
    in.string(name, kMaxMessage);
    in.string(value, kMaxMessage);
    if (name.empty() || name.find('=') != std::string_view::npos) in.fail();
    if (in.ok()) env.emplace_back(name, value);
  }
}

std::string write(const StartMessage& message) {
  FieldWriter out(Kind::kStart);
  out.number(uint64_t{message.attempt});
  out.number(uint32_t{message.uid});
  out.number(uint32_t{message.gid});
  out.number(message.number);
  out.number(message.retries);
  out.number(static_cast<uint8_t>(message.kind));
  out.string(message.id);
  out.string(message.shell);
  out.string(message.text);
  out.number(static_cast<uint8_t>(message.hook));
  write_env(out, message.env);
  write_limits(out, message.limits);
  out.number(message.order);
  return out.take();
}

void read(FieldReader& in, StartMessage& message) {
  uint64_t attempt = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint8_t kind = 0;
  in.number(attempt);
  in.number(uid);
  in.number(gid);
  in.number(message.number);
  in.number(message.retries);
  in.number(kind);
  in.string(message.id, kMaxId);
  in.string(message.shell, kMaxPath);
  in.string(message.text, kMaxTextArgument);
  in.boolean(message.hook);
  read_env(in, message.env);
  read_limits(in, message.limits);
  in.number(message.order);
  if (message.order >= OrderWords::kCount) in.fail();
  if (kind > static_cast<uint8_t>(TextKind::kFile)) in.fail();
  message.attempt = attempt;
  message.uid = uid;
  message.gid = gid;
  message.kind = static_cast<TextKind>(kind);
  if (message.kind != TextKind::kArgument && (message.hook || !message.text.empty())) in.fail();
  if (message.hook && !message.limits.empty()) in.fail();
  if (message.shell.empty()) in.fail();
}

std::string write(const ConfigureMessage& message) {
  FieldWriter out(Kind::kConfigure);
  write_limits(out, message.limits);
  write_env(out, message.env);
  return out.take();
}

void read(FieldReader& in, ConfigureMessage& message) {
  read_limits(in, message.limits);
  read_env(in, message.env);
}

std::string write(const TerminateMessage& message) {
  FieldWriter out(Kind::kTerminate);
  out.number(uint64_t{message.attempt});
  return out.take();
}

void read(FieldReader& in, TerminateMessage& message) { in.number(message.attempt); }

std::string write(const KillMessage& message) {
  FieldWriter out(Kind::kKill);
  out.number(uint64_t{message.attempt});
  out.number(static_cast<uint8_t>(message.recallable));
  return out.take();
}

void read(FieldReader& in, KillMessage& message) {
  in.number(message.attempt);
  in.boolean(message.recallable);
}

std::string write(const MountedMessage&) { return FieldWriter(Kind::kMounted).take(); }
void read(FieldReader&, MountedMessage&) {}

std::string write(const QuitMessage&) { return FieldWriter(Kind::kQuit).take(); }
void read(FieldReader&, QuitMessage&) {}

std::string write(const StartedMessage& message) {
  FieldWriter out(Kind::kStarted);
  out.number(uint64_t{message.attempt});
  out.number(int32_t{message.pid});
  return out.take();
}

void read(FieldReader& in, StartedMessage& message) {
  int32_t pid = 0;
  in.number(message.attempt);
  in.number(pid);
  if (pid <= 0) in.fail();
  message.pid = pid;
}

std::string write(const StartFailedMessage& message) {
  FieldWriter out(Kind::kStartFailed);
  out.number(uint64_t{message.attempt});
  out.string(message.step.substr(0, kMaxStep));
  out.number(message.error);
  out.number(message.fault);
  return out.take();
}

void read(FieldReader& in, StartFailedMessage& message) {
  in.number(message.attempt);
  in.string(message.step, kMaxStep);
  in.number(message.error);
  in.fault(message.fault);
}

std::string write(const KilledMessage& message) {
  FieldWriter out(Kind::kKilled);
  out.number(uint64_t{message.attempt});
  return out.take();
}

void read(FieldReader& in, KilledMessage& message) { in.number(message.attempt); }

std::string write(const UndyingMessage& message) {
  FieldWriter out(Kind::kUndying);
  out.number(uint64_t{message.attempt});
  out.number(int32_t{message.pid});
  out.number(static_cast<uint8_t>(message.state));
  return out.take();
}

void read(FieldReader& in, UndyingMessage& message) {
  int32_t pid = 0;
  uint8_t state = 0;
  in.number(message.attempt);
  in.number(pid);
  in.number(state);
  bool is_letter = (state >= 'A' && state <= 'Z') || (state >= 'a' && state <= 'z');
  if (pid <= 0 || !(is_letter || state == '?')) in.fail();
  message.pid = pid;
  message.state = static_cast<char>(state);
}

std::string write(const ExitedMessage& message) {
  FieldWriter out(Kind::kExited);
  out.number(uint64_t{message.attempt});
  out.number(int32_t{message.exit.wait_status});
  out.number(message.exit.cpu_us);
  out.number(message.exit.maxrss_kb);
  out.number(static_cast<uint8_t>(message.exit.out_of_memory));
  return out.take();
}

void read(FieldReader& in, ExitedMessage& message) {
  int32_t status = 0;
  in.number(message.attempt);
  in.number(status);
  in.number(message.exit.cpu_us);
  in.number(message.exit.maxrss_kb);
  in.boolean(message.exit.out_of_memory);
  message.exit.wait_status = status;
}

template <typename T>
std::optional<Message> read_all(FieldReader in) {
  T message;
  read(in, message);
  if (!in.at_end()) return std::nullopt;
  return message;
}

}  // namespace

std::string encode(const Message& message) {
  std::string packet = std::visit([](const auto& m) { return write(m); }, message);
  if (packet.size() > kMaxMessage) packet.clear();
  return packet;
}

std::optional<Message> decode(std::string_view packet) {
  if (packet.size() > kMaxMessage) return std::nullopt;
  FieldReader in(packet);
  uint8_t kind = 0;
  in.number(kind);
  switch (static_cast<Kind>(kind)) {
    case Kind::kStart:
      return read_all<StartMessage>(in);
    case Kind::kConfigure:
      return read_all<ConfigureMessage>(in);
    case Kind::kTerminate:
      return read_all<TerminateMessage>(in);
    case Kind::kKill:
      return read_all<KillMessage>(in);
    case Kind::kMounted:
      return read_all<MountedMessage>(in);
    case Kind::kQuit:
      return read_all<QuitMessage>(in);
    case Kind::kStarted:
      return read_all<StartedMessage>(in);
    case Kind::kStartFailed:
      return read_all<StartFailedMessage>(in);
    case Kind::kKilled:
      return read_all<KilledMessage>(in);
    case Kind::kUndying:
      return read_all<UndyingMessage>(in);
    case Kind::kExited:
      return read_all<ExitedMessage>(in);
  }
  return std::nullopt;
}

namespace {

// Room for the descriptors of one packet, aligned as the kernel wants it.
struct Control {
  alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(int) * kMaxDescriptors)];
};

}  // namespace

struct PacketBatch::Slot {
  std::unique_ptr<char[]> bytes;  // kMaxMessage; never touched beyond the longest packet yet
  iovec vector;
  Control control;
  Fd descriptors[kMaxDescriptors];
};

PacketBatch::PacketBatch() : slots_(kCapacity), headers_(kCapacity) {
  for (size_t i = 0; i < kCapacity; ++i) {
    Slot& slot = slots_[i];
    slot.bytes = std::make_unique_for_overwrite<char[]>(kMaxMessage);
    slot.vector = {slot.bytes.get(), kMaxMessage};
    headers_[i].msg_hdr.msg_iov = &slot.vector;
    headers_[i].msg_hdr.msg_iovlen = 1;
  }
}

PacketBatch::~PacketBatch() = default;

int PacketBatch::receive(int socket) {
  for (size_t i = 0; i < size_; ++i) {
    for (Fd& fd : slots_[i].descriptors) fd.reset();
  }
  size_ = 0;
  for (size_t i = 0; i < kCapacity; ++i) {
    headers_[i].msg_hdr.msg_control = slots_[i].control.bytes;
    headers_[i].msg_hdr.msg_controllen = sizeof slots_[i].control.bytes;
  }
  int count =
      recvmmsg(socket, headers_.data(), kCapacity, MSG_DONTWAIT | MSG_CMSG_CLOEXEC, nullptr);
  if (count < 0) return errno == ECONNRESET ? EPIPE : errno;
  for (int i = 0; i < count; ++i) {
    // No packet is empty, so this is the end. Packets before it are still to be handled.
    if (headers_[i].msg_len == 0) break;
    msghdr& header = headers_[i].msg_hdr;
    // All descriptors of a packet come in one control message.
    cmsghdr* c = CMSG_FIRSTHDR(&header);
    if (c != nullptr && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
      size_t given = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t n = 0; n < given && n < kMaxDescriptors; ++n) {
        int fd = -1;
        memcpy(&fd, CMSG_DATA(c) + n * sizeof fd, sizeof fd);
        slots_[i].descriptors[n].reset(fd);
      }
    }
    size_ = static_cast<size_t>(i) + 1;
  }
  return size_ == 0 ? EPIPE : 0;
}

std::string_view PacketBatch::bytes(size_t i) const {
  return {slots_[i].bytes.get(), headers_[i].msg_len};
}

Fd PacketBatch::take(size_t i, size_t n) { return std::move(slots_[i].descriptors[n]); }

bool PacketBatch::descriptors_lost(size_t i) const {
  return (headers_[i].msg_hdr.msg_flags & MSG_CTRUNC) != 0;
}

int send_packets(int socket, const PacketView* packets, size_t count, bool wait) {
  mmsghdr headers[kSendAtOnce] = {};
  iovec vectors[kSendAtOnce];
  Control controls[kSendAtOnce];
  if (count > kSendAtOnce) count = kSendAtOnce;
  for (size_t i = 0; i < count; ++i) {
    const PacketView& packet = packets[i];
    vectors[i] = {const_cast<char*>(packet.bytes.data()), packet.bytes.size()};
    msghdr& header = headers[i].msg_hdr;
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    size_t with = 0;
    while (with < kMaxDescriptors && packet.descriptors[with] >= 0) ++with;
    if (with == 0) continue;
    memset(&controls[i], 0, sizeof controls[i]);
    header.msg_control = controls[i].bytes;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * with);
    cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * with);
    memcpy(CMSG_DATA(c), packet.descriptors, sizeof(int) * with);
  }
  int flags = MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT);
  int sent = 0;
  do {
    sent = sendmmsg(socket, headers, static_cast<unsigned>(count), flags);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

}  // namespace filed
