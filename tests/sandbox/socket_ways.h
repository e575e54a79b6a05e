// Ways to other processes and machines through sockets.
#pragma once

#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstring>

#include "outcome.h"

#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#endif

namespace escape {

constexpr int kMptcp = 262;            // IPPROTO_MPTCP
constexpr int kFastOpen = 0x20000000;  // MSG_FASTOPEN

inline socklen_t abstract_address(sockaddr_un* address, const char* name) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  size_t length = strlen(name);
  memcpy(address->sun_path + 1, name, length);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
}

inline int listen_abstract(const char* name, int type) {
  sockaddr_un address;
  socklen_t size = abstract_address(&address, name);
  int fd = socket(AF_UNIX, type, 0);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) return -1;
  if (type == SOCK_STREAM && listen(fd, 8) != 0) return -1;
  return fd;
}

inline Outcome connect_abstract(char** args) {
  sockaddr_un address;
  socklen_t size = abstract_address(&address, args[0]);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  return of(connect(fd, reinterpret_cast<sockaddr*>(&address), size));
}

inline Outcome send_abstract(char** args) {
  sockaddr_un address;
  socklen_t size = abstract_address(&address, args[0]);
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  return of(sendto(fd, "x", 1, 0, reinterpret_cast<sockaddr*>(&address), size));
}

inline Outcome own_abstract(char**) {
  // Another run of this test may be under way beside it: abstract names are the machine's.
  char name[32];
  snprintf(name, sizeof name, "filed-escape-%d", getpid());
  char* args[] = {name, nullptr};
  return listen_abstract(name, SOCK_STREAM) < 0 ? of(-1) : connect_abstract(args);
}

inline sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline Outcome tcp(int protocol, uint16_t port, bool to_bind) {
  int fd = socket(AF_INET, SOCK_STREAM, protocol);
  if (fd < 0) return of(-1);
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = loopback(port);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  return of(to_bind ? bind(fd, generic, sizeof address) : connect(fd, generic, sizeof address));
}
inline Outcome connect_tcp(char** args) { return tcp(0, port_of(args[0]), false); }
inline Outcome bind_tcp(char** args) { return tcp(0, port_of(args[0]), true); }
inline Outcome connect_mptcp(char** args) { return tcp(kMptcp, port_of(args[0]), false); }
inline Outcome bind_mptcp(char** args) { return tcp(kMptcp, port_of(args[0]), true); }

inline Outcome connect_tcp6(char** args) {
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port_of(args[0]));
  address.sin6_addr = in6addr_loopback;
  return of(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address));
}

inline Outcome send_fast_open(char** args) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(port_of(args[0]));
  return of(sendto(fd, "x", 1, kFastOpen, reinterpret_cast<sockaddr*>(&address), sizeof address));
}
inline Outcome sendmsg_fast_open(char** args) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(port_of(args[0]));
  iovec data{const_cast<char*>("x"), 1};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = sizeof address;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  return of(sendmsg(fd, &message, kFastOpen));
}

inline Outcome udp(char**) { return of(socket(AF_INET, SOCK_DGRAM, 0)); }
inline Outcome udp6(char**) { return of(socket(AF_INET6, SOCK_DGRAM, 0)); }
inline Outcome tcp_socket(char**) { return of(socket(AF_INET, SOCK_STREAM, 0)); }
inline Outcome raw_socket(char**) { return of(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)); }
inline Outcome packet_socket(char**) { return of(socket(AF_PACKET, SOCK_RAW, 0)); }
inline Outcome netlink_socket(char**) { return of(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)); }
inline Outcome vm_socket(char**) { return of(socket(AF_VSOCK, SOCK_STREAM, 0)); }
inline Outcome unix_socket(char**) { return of(socket(AF_UNIX, SOCK_STREAM, 0)); }

// The upper half of the argument is nothing to the kernel; a filter must not fall for it either.
inline Outcome high_bits_socket(char**) {
  return of(syscall(SYS_socket, (1L << 32) | AF_INET, SOCK_DGRAM, 0));
}

inline Outcome io_uring(char**) {
  unsigned char params[256] = {};
  return of(syscall(SYS_io_uring_setup, 1, params));
}

// A socket by the 32-bit system call.
inline Outcome socket32(char**) {
  return in_child([]() -> Outcome {
#ifdef __x86_64__
    long result = 359;  // __NR_socket of i386
    asm volatile("int $0x80"
                 : "+a"(result)
                 : "b"(AF_INET), "c"(SOCK_DGRAM), "d"(0)
                 : "memory", "r8", "r9", "r10", "r11");
    return {result < 0 ? static_cast<int>(-result) : 0};
#else
    return {0, "not on this machine"};
#endif
  });
}

inline Outcome limit_process32(char** args) {
  return in_child([&]() -> Outcome {
#ifdef __x86_64__
    long result = 340;  // __NR_prlimit64 of i386, which reads nothing here
    asm volatile("int $0x80"
                 : "+a"(result)
                 : "b"(pid_of(args[0])), "c"(RLIMIT_CORE), "d"(0), "S"(0)
                 : "memory", "r8", "r9", "r10", "r11");
    return {result < 0 ? static_cast<int>(-result) : 0};
#else
    (void)args;
    return {0, "not on this machine"};
#endif
  });
}

}  // namespace escape
