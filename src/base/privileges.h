// The capability sets of a process that gives up what it does not need.
#pragma once

#include <cstdint>

namespace filed {

// A set of capabilities: bit n is the one with the number n in <linux/capability.h>.
using Capabilities = uint64_t;

constexpr Capabilities capability(int number) { return Capabilities{1} << number; }

// What the calling thread holds.
struct HeldCapabilities {
  Capabilities permitted = 0;
  Capabilities effective = 0;
  Capabilities inheritable = 0;
};
HeldCapabilities held_capabilities();  // throws Error

// The same without exceptions; both may be called between fork and exec. Return 0 or an errno.
// What leaves the permitted or the inheritable set leaves the ambient one, too.
int get_capabilities(HeldCapabilities& held) noexcept;
int set_capabilities(const HeldCapabilities& wanted) noexcept;

// Keeps of the calling thread's capabilities at most these, and none that an exec by an ordinary
// user hands on (inheritable, ambient). What is in `effective` and was permitted is in force
// afterwards. Throws Error, also when more is left than was meant.
void keep_capabilities(Capabilities permitted, Capabilities effective);

// Empties the bounding set, so that no exec gives a capability. Returns 0, or an errno: EPERM
// without CAP_SETPCAP. May be called between fork and exec.
int drop_bounding_set() noexcept;

}  // namespace filed
