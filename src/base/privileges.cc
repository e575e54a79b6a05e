#include "base/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

namespace filed {
namespace {

struct Sets {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3] = {};
};

}  // namespace

HeldCapabilities held_capabilities() {
  Sets sets;
  if (syscall(SYS_capget, &sets.header, sets.words) != 0) throw_errno("capget");
  HeldCapabilities held;
  for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i) {
    held.permitted |= Capabilities{sets.words[i].permitted} << (32 * i);
    held.effective |= Capabilities{sets.words[i].effective} << (32 * i);
    held.inheritable |= Capabilities{sets.words[i].inheritable} << (32 * i);
  }
  return held;
}

void keep_capabilities(Capabilities permitted, Capabilities effective) {
  permitted &= held_capabilities().permitted;
  effective &= permitted;
  Sets sets;
  for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i) {
    sets.words[i].permitted = static_cast<uint32_t>(permitted >> (32 * i));
    sets.words[i].effective = static_cast<uint32_t>(effective >> (32 * i));
  }
  // The ambient set goes with the inheritable one.
  if (syscall(SYS_capset, &sets.header, sets.words) != 0) throw_errno("capset");
  HeldCapabilities held = held_capabilities();
  if (held.permitted != permitted || held.effective != effective || held.inheritable != 0) {
    throw Error("capabilities could not be given up");
  }
}

void drop_bounding_set() {
  // The kernel says EINVAL for the first number that it does not know, and EPERM without the right.
  for (unsigned long number = 0; prctl(PR_CAPBSET_DROP, number, 0, 0, 0) == 0; ++number) {
  }
}

}  // namespace filed
