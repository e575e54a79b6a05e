#include "sandbox/capabilities.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

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
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) return errno;
  bool changed = false;
  for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i) {
    auto mask = static_cast<uint32_t>(kept >> (32 * i));
    changed |= ((data[i].permitted | data[i].inheritable) & ~mask) != 0;
    data[i].permitted &= mask;
    data[i].effective &= mask;
    data[i].inheritable &= mask;
  }
  if (!changed) return 0;
  // What leaves the permitted set leaves the ambient one, too.
  return syscall(SYS_capset, &header, data) == 0 ? 0 : errno;
}

}  // namespace filed
