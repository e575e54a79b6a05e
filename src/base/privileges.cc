#include "base/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace filed {
namespace {

struct Sets {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3] = {};
};

}  // namespace

int get_capabilities(HeldCapabilities& held) noexcept {
  Sets sets;
  if (syscall(SYS_capget, &sets.header, sets.words) != 0) return errno;
  held = {};
  for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i) {
    held.permitted |= Capabilities{sets.words[i].permitted} << (32 * i);
    held.effective |= Capabilities{sets.words[i].effective} << (32 * i);
    held.inheritable |= Capabilities{sets.words[i].inheritable} << (32 * i);
  }
  return 0;
}

int set_capabilities(const HeldCapabilities& wanted) noexcept {
  Sets sets;
  for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i) {
    sets.words[i].permitted = static_cast<uint32_t>(wanted.permitted >> (32 * i));
    sets.words[i].effective = static_cast<uint32_t>(wanted.effective >> (32 * i));
    sets.words[i].inheritable = static_cast<uint32_t>(wanted.inheritable >> (32 * i));
  }
  return syscall(SYS_capset, &sets.header, sets.words) == 0 ? 0 : errno;
}

HeldCapabilities held_capabilities() {
  HeldCapabilities held;
  if (int error = get_capabilities(held)) throw_errno("capget", error);
  return held;
}

void keep_capabilities(Capabilities permitted, Capabilities effective) {
  permitted &= held_capabilities().permitted;
  effective &= permitted;
  if (int error = set_capabilities({permitted, effective, 0})) throw_errno("capset", error);
  HeldCapabilities held = held_capabilities();
  if (held.permitted != permitted || held.effective != effective || held.inheritable != 0) {
    throw Error("capabilities could not be given up");
  }
}

int drop_bounding_set() noexcept {
  for (long number = 0;; ++number) {
    if (syscall(SYS_prctl, PR_CAPBSET_DROP, number, 0L, 0L, 0L) == 0) continue;
    // The kernel says EINVAL for the first number that it does not know.
    return errno == EINVAL ? 0 : errno;
  }
}

}  // namespace filed
