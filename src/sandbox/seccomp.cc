// The program is a list of questions about the system call's number, one after the other. If a
// question is about another call, the program jumps over its answers to the next question:
//
//     architecture not ours?           the 32-bit one's questions, or kill
//     number of the x32 ABI?           ENOSYS
//     io_uring_*?                      EPERM
//     socket, socketpair?              questions about the arguments -> EACCES
//     …
//     otherwise                        allow
//
// Answers stand right behind their question, so that offsets stay small. The kernel remembers for
// which numbers the program always allows, and does not run it for those.

#include "sandbox/seccomp.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <initializer_list>

#ifndef SYS_io_uring_setup  // the same on every architecture here
#define SYS_io_uring_setup 425
#define SYS_io_uring_enter 426
#define SYS_io_uring_register 427
#endif

namespace filed::seccomp {
namespace {

// What the filter needs to know of a kind of system call.
struct Machine {
  uint32_t arch;
  long prlimit;
  long ioctl;
};

#if defined(__x86_64__) && !defined(__ILP32__)
constexpr Machine kMachine{AUDIT_ARCH_X86_64, SYS_prlimit64, SYS_ioctl};
constexpr Machine kMachine32{AUDIT_ARCH_I386, 340, 54};
constexpr uint32_t kX32Bit = 0x40000000;
#elif defined(__aarch64__) && defined(__AARCH64EL__) && !defined(__ILP32__)
constexpr Machine kMachine{AUDIT_ARCH_AARCH64, SYS_prlimit64, SYS_ioctl};
constexpr Machine kMachine32{AUDIT_ARCH_ARM, 369, 54};
constexpr uint32_t kX32Bit = 0;
#else
constexpr Machine kMachine{0, 0, 0};
constexpr Machine kMachine32{0, 0, 0};
constexpr uint32_t kX32Bit = 0;
#endif

constexpr uint32_t kAddressFamilySmc = 43;      // AF_SMC
constexpr uint32_t kProtocolMptcp = 262;        // IPPROTO_MPTCP
constexpr uint32_t kSendFastOpen = 0x20000000;  // MSG_FASTOPEN
constexpr uint32_t kPushInput = 0x5412;         // TIOCSTI
constexpr uint32_t kConsoleControl = 0x541c;    // TIOCLINUX, which can paste

constexpr uint32_t kDeny = SECCOMP_RET_ERRNO | EACCES;
constexpr uint32_t kDenyWithPerm = SECCOMP_RET_ERRNO | EPERM;

using Program = std::vector<sock_filter>;

constexpr sock_filter statement(uint16_t code, uint32_t k) { return {code, 0, 0, k}; }

void load(Program& out, size_t offset) {
  out.push_back(statement(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)));
}

void answer(Program& out, uint32_t verdict) { out.push_back(statement(BPF_RET | BPF_K, verdict)); }

// If the loaded word compares true with `k` (BPF_JEQ, BPF_JGE, BPF_JSET), that is the answer.
void answer_if(Program& out, uint16_t comparison, uint32_t k, uint32_t verdict) {
  out.push_back({static_cast<uint16_t>(BPF_JMP | comparison | BPF_K), 0, 1, k});
  answer(out, verdict);
}

// Loads an argument's low word, which is all of an int. Both machines are little-endian.
void load_argument(Program& out, size_t index) {
  load(out, offsetof(seccomp_data, args) + index * sizeof(uint64_t));
}

// The answers of `body` for the system call `number`, with the number loaded. `body` answers every
// case.
void for_call(Program& out, long number, const Program& body) {
  out.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, static_cast<uint8_t>(body.size()),
                 static_cast<uint32_t>(number)});
  out.insert(out.end(), body.begin(), body.end());
}

// Answers for the calls that are about processes and terminals.
void for_common_calls(Program& out, const Machine& machine, const Denied& denied) {
  if (denied.processes) {
    Program body;
    load_argument(body, 0);
    answer_if(body, BPF_JEQ, 0, SECCOMP_RET_ALLOW);
    answer(body, kDenyWithPerm);
    for_call(out, machine.prlimit, body);
  }
  if (denied.terminal) {
    Program body;
    load_argument(body, 1);
    answer_if(body, BPF_JEQ, kPushInput, kDenyWithPerm);
    answer_if(body, BPF_JEQ, kConsoleControl, kDenyWithPerm);
    answer(body, SECCOMP_RET_ALLOW);
    for_call(out, machine.ioctl, body);
  }
}

// Answers for everything of another architecture than ours.
Program other_architectures(const Denied& denied) {
  Program out;
  if (!denied.network()) {
    out.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 0, kMachine32.arch});  // to the end, see below
    load(out, offsetof(seccomp_data, nr));
    for_common_calls(out, kMachine32, denied);
    answer(out, SECCOMP_RET_ALLOW);
    out.front().jf = static_cast<uint8_t>(out.size() - 1);
  }
  answer(out, SECCOMP_RET_KILL_PROCESS);
  return out;
}

}  // namespace

bool known_machine() { return kMachine.arch != 0; }

bool available() {
  uint32_t action = SECCOMP_RET_ERRNO;
  return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0u, &action) == 0;
}

std::vector<sock_filter> program(const Denied& denied) {
  Program out;
  if (!denied.any() || !known_machine()) return out;

  load(out, offsetof(seccomp_data, arch));
  Program others = other_architectures(denied);
  out.push_back({BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint8_t>(others.size()), 0, kMachine.arch});
  out.insert(out.end(), others.begin(), others.end());

  load(out, offsetof(seccomp_data, nr));
  if (kX32Bit != 0) answer_if(out, BPF_JGE, kX32Bit, SECCOMP_RET_ERRNO | ENOSYS);
  if (denied.network()) {
    for (long number : {SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register}) {
      answer_if(out, BPF_JEQ, static_cast<uint32_t>(number), kDenyWithPerm);
    }
  }
  if (denied.no_network) {
    Program body;
    load_argument(body, 0);
    answer_if(body, BPF_JEQ, AF_UNIX, SECCOMP_RET_ALLOW);
    answer(body, kDeny);
    for_call(out, SYS_socket, body);
    for_call(out, SYS_socketpair, body);
  } else if (denied.tcp_ports) {
    Program body;
    load_argument(body, 0);
    answer_if(body, BPF_JEQ, kAddressFamilySmc, kDeny);
    load_argument(body, 2);
    answer_if(body, BPF_JEQ, kProtocolMptcp, kDeny);
    answer(body, SECCOMP_RET_ALLOW);
    for_call(out, SYS_socket, body);

    struct Send {
      long number;
      size_t flags;  // which argument
    };
    for (Send send : {Send{SYS_sendto, 3}, Send{SYS_sendmsg, 2}, Send{SYS_sendmmsg, 3}}) {
      Program flags;
      load_argument(flags, send.flags);
      answer_if(flags, BPF_JSET, kSendFastOpen, kDeny);
      answer(flags, SECCOMP_RET_ALLOW);
      for_call(out, send.number, flags);
    }
  }
  for_common_calls(out, kMachine, denied);
  answer(out, SECCOMP_RET_ALLOW);
  return out;
}

int install(const std::vector<sock_filter>& filter) noexcept {
  sock_fprog program{static_cast<unsigned short>(filter.size()),
                     const_cast<sock_filter*>(filter.data())};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) == 0 ? 0 : errno;
}

}  // namespace filed::seccomp
