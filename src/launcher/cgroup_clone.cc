// The C library has no clone3(2) that calls a function, and a child that shares our memory cannot
// return from a function on a stack of its own. So the call is written for each kind of machine:
// the parent goes on behind it, and the child calls the function with its argument. Both stand in
// registers that the kernel keeps.
#include "launcher/cgroup_clone.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "launcher/shared_memory.h"

// The same numbers on every machine. Older headers lack them.
#ifndef SYS_clone3
#define SYS_clone3 435
#endif

namespace filed {
namespace {

constexpr uint64_t kIntoCgroup = 0x200000000;  // CLONE_INTO_CGROUP
constexpr size_t kStack = 64 * 1024;           // of the child: only its end matters

// struct clone_args of <linux/sched.h>, which does not go with <sched.h> of all C libraries.
struct CloneArguments {
  uint64_t flags = 0;
  uint64_t pidfd = 0;
  uint64_t child_tid = 0;
  uint64_t parent_tid = 0;
  uint64_t exit_signal = 0;
  uint64_t stack = 0;
  uint64_t stack_size = 0;
  uint64_t tls = 0;
  uint64_t set_tid = 0;
  uint64_t set_tid_size = 0;
  uint64_t cgroup = 0;
};

// Returns as the system call does: a pid, or a negative errno.
#if defined(__x86_64__) && defined(__LP64__)
FILED_SHARED_MEMORY long clone_and_call(CloneArguments* arguments, int (*function)(void*),
                                        void* argument) noexcept {
  register int (*r12)(void*) __asm__("r12") = function;
  register void* r13 __asm__("r13") = argument;
  long result = SYS_clone3;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r13, %%rdi\n\t"
      "call *%%r12\n\t"
      "hlt\n"
      "1:"
      : "+a"(result)
      : "D"(arguments), "S"(sizeof *arguments), "r"(r12), "r"(r13)
      : "rcx", "r11", "memory", "cc");
  return result;
}
#elif defined(__aarch64__)
FILED_SHARED_MEMORY long clone_and_call(CloneArguments* arguments, int (*function)(void*),
                                        void* argument) noexcept {
  register long x8 __asm__("x8") = SYS_clone3;
  register uintptr_t x0 __asm__("x0") = reinterpret_cast<uintptr_t>(arguments);
  register uintptr_t x1 __asm__("x1") = sizeof *arguments;
  register int (*x10)(void*) __asm__("x10") = function;
  register void* x11 __asm__("x11") = argument;
  __asm__ volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, #0\n\t"
      "mov x30, #0\n\t"
      "mov x0, x11\n\t"
      "blr x10\n\t"
      "brk #1\n"
      "1:"
      : "+r"(x0)
      : "r"(x1), "r"(x8), "r"(x10), "r"(x11)
      : "memory", "cc");
  return static_cast<long>(x0);
}
#else
long clone_and_call(CloneArguments*, int (*)(void*), void*) noexcept { return -ENOSYS; }
#endif

}  // namespace

pid_t clone_into_cgroup(int (*function)(void*), void* stack, unsigned flags, void* argument,
                        void* thread, int directory) noexcept {
  CloneArguments arguments;
  arguments.flags = flags | kIntoCgroup;
  arguments.exit_signal = SIGCHLD;
  // The kernel takes the lowest address and the size.
  arguments.stack = reinterpret_cast<uintptr_t>(stack) - kStack;
  arguments.stack_size = kStack;
  arguments.tls = reinterpret_cast<uintptr_t>(thread);
  arguments.cgroup = static_cast<uint64_t>(directory);
  long result = clone_and_call(&arguments, function, argument);
  if (result >= 0) return static_cast<pid_t>(result);
  errno = static_cast<int>(-result);
  return -1;
}

pid_t fork_into_cgroup(int directory) noexcept {
  CloneArguments arguments;
  arguments.flags = kIntoCgroup;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<uint64_t>(directory);
  return static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
}

int move_to_cgroup(int procs_file, pid_t pid) {
  std::string text = std::to_string(pid);
  return write(procs_file, text.data(), text.size()) < 0 ? errno : 0;
}

FILED_SHARED_MEMORY int enter_cgroup(int procs_file) noexcept {
  return syscall(SYS_write, procs_file, "0", 1) < 0 ? errno : 0;
}

}  // namespace filed
