#include "sandbox/capabilities.h"

#include <linux/capability.h>

#include <initializer_list>

#include "base/privileges.h"

namespace filed {

uint64_t kept_capabilities() {
  uint64_t kept = 0;
  for (int capability :
       {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID,
        CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SYS_CHROOT, CAP_SYS_NICE}) {
    kept |= uint64_t{1} << capability;
  }
  return kept;
}

int limit_capabilities(uint64_t kept) noexcept {
  HeldCapabilities held;
  if (int error = get_capabilities(held)) return error;
  if (((held.permitted | held.inheritable) & ~kept) == 0) return 0;
  return set_capabilities({held.permitted & kept, held.effective & kept, held.inheritable & kept});
}

}  // namespace filed
