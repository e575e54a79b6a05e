// What a child that shares the launcher's memory has for itself until its exec: a stack, and
// thread-local storage (TLS), which holds errno. So both may run at the same time.
#pragma once

#include <sys/types.h>

namespace filed {

class ChildMemory {
 public:
  // False where the machine or a sanitizer leaves no way to it. Then children are forked.
  static bool is_possible();

  // Whether such a child can be started in a cgroup.
  static bool is_possible_in_cgroup();

  // Throws Error if there is no memory, or if the C library does not allow it.
  ChildMemory();
  ~ChildMemory();
  ChildMemory(const ChildMemory&) = delete;
  ChildMemory& operator=(const ChildMemory&) = delete;

  // Runs `function` in a child with our memory and with its own copy of everything else; in the
  // cgroup with that open directory unless it is -1. It must never return. Does not wait. Returns
  // its pid, or -1 with errno. Until its exec or its end, the child uses this object and what
  // `argument` refers to; nobody else may.
  pid_t start(int (*function)(void*), void* argument, int cgroup);

 private:
  static void* note_thread(void* self);

  void* const memory_;
  void* stack_top_ = nullptr;
  void* thread_ = nullptr;  // the thread pointer
};

}  // namespace filed
