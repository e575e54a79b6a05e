// The capability sets of a process: reading them, and giving up what is not needed.
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

// Reduces the calling thread's permitted set to `permitted` and its effective set to `effective`,
// as far as they were permitted before. Empties the inheritable and the ambient set. Throws Error,
// also if a check afterwards finds more capabilities.
void keep_capabilities(Capabilities permitted, Capabilities effective);

// Empties the bounding set, so that no exec gives a capability. Returns 0, or an errno: EPERM
// without CAP_SETPCAP. May be called between fork and exec.
int drop_bounding_set() noexcept;

}  // namespace filed
