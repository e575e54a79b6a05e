// The messages between filed and its launcher: one per packet of a SOCK_SEQPACKET pair. A packet
// also carries descriptors (SCM_RIGHTS). Encoding and decoding are pure functions, so that they can
// be fuzzed; decode() trusts nothing. Both ends are one binary on one machine: numbers are in host
// order.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "config/keys.h"
#include "launcher/launcher_interface.h"
#include "launcher/order_words.h"

namespace filed {

// The longest text that goes as an argument of `SHELL -c`: the kernel's MAX_ARG_STRLEN, which
// counts the NUL (131,072 bytes with pages of 4 KiB; more elsewhere).
constexpr size_t kMaxTextArgument = 32 * 4096 - 1;

// No message is longer. Room for the longest text with the longest id, shell and the numbers.
constexpr size_t kMaxMessage = kMaxTextArgument + 1 + 8 * 1024;

// No message carries more descriptors.
constexpr size_t kMaxDescriptors = 2;

// How the text of an attempt reaches its process.
enum class TextKind : uint8_t {
  kArgument,  // SHELL -c TEXT; the text is in the message
  kScript,    // TEXT begins with #!: descriptor 3 is executed
  kFile,      // too long for an argument: SHELL /proc/self/fd/3
};

// From filed. The views point into the decoded packet. Descriptors: the output pipe's write end;
// then, unless the kind is kArgument, the sealed text; or a hook's input.
struct StartMessage {
  AttemptId attempt = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  int32_t number = 0;
  int32_t retries = 0;
  TextKind kind = TextKind::kArgument;
  std::string_view id;
  std::string_view shell;
  std::string_view text;  // kArgument only
  bool hook = false;      // kArgument only; the second descriptor is its standard input then
  std::vector<std::pair<std::string_view, std::string_view>> env = {};
  std::vector<LimitValue> limits = {};  // what the job itself brings; not for hooks
  uint32_t order = 0;                   // the number of its word in OrderWords
};

struct ConfigureMessage {
  std::vector<LimitValue> limits;
  std::vector<std::pair<std::string_view, std::string_view>> env;
};

struct TerminateMessage {
  AttemptId attempt = 0;
};

struct KillMessage {
  AttemptId attempt = 0;
  bool recallable = false;  // to be carried out only if OrderWords::kill() permits it
};

struct MountedMessage {};  // with a descriptor of the mount's root: it is ours from now on

struct QuitMessage {};

// From the launcher.
struct StartedMessage {
  AttemptId attempt = 0;
  pid_t pid = 0;
};

struct StartFailedMessage {
  AttemptId attempt = 0;
  std::string_view step;
  int32_t error = 0;
  Fault fault = Fault::kJob;
};

struct KilledMessage {
  AttemptId attempt = 0;
};

struct UndyingMessage {
  AttemptId attempt = 0;
  pid_t pid = 0;
  char state = '?';  // a letter, or '?'
};

struct ExitedMessage {
  AttemptId attempt = 0;
  AttemptExit exit;
};

using Message = std::variant<StartMessage, ConfigureMessage, TerminateMessage, KillMessage,
                             MountedMessage, QuitMessage, StartedMessage, StartFailedMessage,
                             KilledMessage, UndyingMessage, ExitedMessage>;

// The packet for `message`; empty when that would be longer than kMaxMessage. Strings must not
// contain NUL, ids not be longer than 255 bytes: decode() refuses what breaks this.
std::string encode(const Message& message);

// Reads a packet. Nothing when it is not exactly one well-formed message. The result's views point
// into `packet`.
std::optional<Message> decode(std::string_view packet);

// A batch of packets that is received with one system call. Its buffers are allocated once.
class PacketBatch {
 public:
  static constexpr size_t kCapacity = 16;

  PacketBatch();
  ~PacketBatch();
  PacketBatch(const PacketBatch&) = delete;
  PacketBatch& operator=(const PacketBatch&) = delete;

  // Receives without waiting, closing what descriptors of the last batch were not taken. Returns 0
  // with size() > 0, or an errno: EAGAIN when there is nothing, EPIPE when the other side is gone.
  int receive(int socket);

  size_t size() const { return size_; }
  std::string_view bytes(size_t i) const;

  // Descriptor `n` of packet `i`, now the caller's; an empty one when there is none.
  Fd take(size_t i, size_t n);

  // Descriptors were sent with the packet and lost, because this process can have no more of them.
  bool descriptors_lost(size_t i) const;

 private:
  struct Slot;
  std::vector<Slot> slots_;
  std::vector<mmsghdr> headers_;
  size_t size_ = 0;
};

// A packet that is to be sent; all of it stays the caller's.
struct PacketView {
  std::string_view bytes;
  int descriptors[kMaxDescriptors] = {-1, -1};
};

// Sends as many of the packets as the socket takes, at most kSendAtOnce, in one system call. With
// `wait` it waits for room for the first. Returns how many were sent, or -1 with errno (EAGAIN:
// none now; EPIPE or ECONNRESET: the other side is gone).
constexpr size_t kSendAtOnce = 32;
int send_packets(int socket, const PacketView* packets, size_t count, bool wait);

}  // namespace filed
