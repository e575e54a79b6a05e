// Only the C library can make a thread's storage. So a thread is created with our memory as its
// stack. The library puts its storage at the upper end. The thread notes where the storage is, and
// ends. From then on the memory is ours, and a child gets the storage as if it were that thread.
// The launcher has one thread again.
//
// The child runs the launcher's code, which makes system calls and writes errno. It allocates
// nothing and takes no lock, because another process may hold the lock.
#include "launcher/child_memory.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "launcher/cgroup_clone.h"

// ThreadSanitizer's clone(2) keeps on our stack what the child is to call, and returns.
#ifdef __SANITIZE_THREAD__
#define FILED_HAS_CHILD_MEMORY 0
// The machines where CLONE_SETTLS takes the thread pointer as it is.
#elif (defined __x86_64__ && defined __LP64__) || defined __aarch64__ || defined __arm__ || \
    defined __riscv
#define FILED_HAS_CHILD_MEMORY 1
#else
#define FILED_HAS_CHILD_MEMORY 0
#endif

namespace filed {
namespace {

// The C library's storage takes some 4 KiB of it, the child's deepest step less.
constexpr size_t kSize = 64 * 1024;
// Between the frame of the thread that has ended and the stack of the child.
constexpr size_t kGap = 256;

void* thread_pointer() {
#if defined __x86_64__ && defined __LP64__
  void* pointer;
  __asm__("mov %%fs:0, %0" : "=r"(pointer));
  return pointer;
#elif FILED_HAS_CHILD_MEMORY
  return __builtin_thread_pointer();
#else
  return nullptr;
#endif
}

void* map_memory() {
  void* memory =
      mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) throw_errno("launcher: stack");
  return memory;
}

}  // namespace

bool ChildMemory::is_possible() { return FILED_HAS_CHILD_MEMORY != 0; }

void* ChildMemory::note_thread(void* self) {
  auto& memory = *static_cast<ChildMemory*>(self);
  memory.thread_ = thread_pointer();
  auto frame = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  memory.stack_top_ = reinterpret_cast<void*>((frame - kGap) & ~uintptr_t{63});
  return nullptr;
}

ChildMemory::ChildMemory() : memory_(map_memory()) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_t thread;
  int error = pthread_attr_setstack(&attributes, memory_, kSize);
  if (error == 0) error = pthread_create(&thread, &attributes, note_thread, this);
  if (error == 0) error = pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  auto is_inside = [this](const void* place) {
    auto first = reinterpret_cast<uintptr_t>(memory_);
    auto at = reinterpret_cast<uintptr_t>(place);
    return at > first && at < first + kSize;
  };
  // A C library may keep a thread's storage elsewhere, and then it is gone with the thread.
  if (error == 0 && (!is_inside(thread_) || !is_inside(stack_top_))) error = ENOTSUP;
  if (error != 0) {
    munmap(memory_, kSize);
    throw_errno("launcher: thread", error);
  }
  mprotect(memory_, static_cast<size_t>(sysconf(_SC_PAGESIZE)), PROT_NONE);
}

ChildMemory::~ChildMemory() { munmap(memory_, kSize); }

bool ChildMemory::is_possible_in_cgroup() { return is_possible() && kCanCloneIntoCgroup; }

pid_t ChildMemory::start(int (*function)(void*), void* argument, int cgroup) {
  int flags = CLONE_VM | CLONE_SETTLS;
  if (cgroup >= 0) {
    return clone_into_cgroup(function, stack_top_, static_cast<unsigned>(flags), argument, thread_,
                             cgroup);
  }
  flags |= SIGCHLD;
  return clone(function, stack_top_, flags, argument, nullptr, thread_, nullptr);
}

}  // namespace filed
