// Ways to files that are not granted, and of changing them.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstring>

#include "outcome.h"

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

namespace escape {

inline Outcome read_at(int folder, const char* path) {
  int fd = openat(folder, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return of(-1);
  char byte;
  return of(read(fd, &byte, 1));
}

inline Outcome read_file(char** args) { return read_at(AT_FDCWD, args[0]); }

inline Outcome write_file(char** args) { return of(open(args[0], O_WRONLY | O_NONBLOCK)); }
inline Outcome append_file(char** args) {
  return of(open(args[0], O_WRONLY | O_APPEND | O_NONBLOCK));
}
inline Outcome read_write_file(char** args) { return of(open(args[0], O_RDWR | O_NONBLOCK)); }
inline Outcome open_truncate(char** args) {
  return of(open(args[0], O_RDONLY | O_TRUNC | O_NONBLOCK));
}

inline Outcome create_file(char** args) {
  Outcome outcome = of(open(args[0], O_WRONLY | O_CREAT | O_EXCL, 0600));
  if (outcome.error == 0) unlink(args[0]);
  return outcome;
}

inline Outcome temporary_file(char** args) { return of(open(args[0], O_RDWR | O_TMPFILE, 0600)); }

inline Outcome truncate_file(char** args) { return of(truncate(args[0], 1)); }

inline Outcome list_folder(char** args) {
  DIR* dir = opendir(args[0]);
  return dir == nullptr || readdir(dir) == nullptr ? of(-1) : Outcome{};
}

inline Outcome make_folder(char** args) {
  Outcome outcome = of(mkdir(args[0], 0700));
  if (outcome.error == 0) rmdir(args[0]);
  return outcome;
}

inline Outcome remove_file(char** args) { return of(unlink(args[0])); }
inline Outcome remove_folder(char** args) { return of(rmdir(args[0])); }

inline Outcome make_symlink(char** args) {
  Outcome outcome = of(symlink("/", args[0]));
  if (outcome.error == 0) unlink(args[0]);
  return outcome;
}

inline Outcome make_node(const char* path, mode_t mode, dev_t dev) {
  Outcome outcome = of(mknod(path, mode | 0600, dev));
  if (outcome.error == 0) unlink(path);
  return outcome;
}
inline Outcome make_fifo(char** args) { return make_node(args[0], S_IFIFO, 0); }
inline Outcome make_char_device(char** args) { return make_node(args[0], S_IFCHR, makedev(1, 3)); }
inline Outcome make_block_device(char** args) { return make_node(args[0], S_IFBLK, makedev(7, 0)); }

inline socklen_t unix_address(sockaddr_un* address, const char* path) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  strncpy(address->sun_path, path, sizeof address->sun_path - 1);
  return sizeof *address;
}

inline Outcome make_socket_file(char** args) {
  sockaddr_un address;
  socklen_t size = unix_address(&address, args[0]);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  Outcome outcome = of(bind(fd, reinterpret_cast<sockaddr*>(&address), size));
  if (outcome.error == 0) unlink(args[0]);
  return outcome;
}

// These three put things back.
inline Outcome rename_file(char** args) {
  Outcome outcome = of(rename(args[0], args[1]));
  if (outcome.error == 0) rename(args[1], args[0]);
  return outcome;
}
inline Outcome exchange_files(char** args) {
  auto exchange = [&] {
    return syscall(SYS_renameat2, AT_FDCWD, args[0], AT_FDCWD, args[1], RENAME_EXCHANGE);
  };
  Outcome outcome = of(exchange());
  if (outcome.error == 0) exchange();
  return outcome;
}
inline Outcome link_file(char** args) {
  Outcome outcome = of(link(args[0], args[1]));
  if (outcome.error == 0) unlink(args[1]);
  return outcome;
}

inline Outcome read_through_symlink(char** args) {
  if (symlink(args[0], args[1]) != 0) return {0, "no symlink"};
  Outcome outcome = read_at(AT_FDCWD, args[1]);
  unlink(args[1]);
  return outcome;
}

inline Outcome read_from_folder(char** args) {
  int folder = open(args[0], O_PATH | O_DIRECTORY);
  return folder < 0 ? of(-1) : read_at(folder, args[1]);
}

inline Outcome reopen_path_descriptor(char** args) {
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", open(args[0], O_PATH));
  return read_at(AT_FDCWD, name);
}

inline Outcome read_by_handle(char** args) {
  alignas(file_handle) char room[sizeof(file_handle) + MAX_HANDLE_SZ];
  auto* handle = reinterpret_cast<file_handle*>(room);
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount_id;
  if (name_to_handle_at(AT_FDCWD, args[0], handle, &mount_id, 0) != 0) return {0, "no handle"};
  int mount = open(args[1], O_RDONLY | O_DIRECTORY);
  if (mount < 0) return {0, "no mount"};
  int fd = open_by_handle_at(mount, handle, O_RDONLY);
  char byte;
  return of(fd < 0 ? -1 : read(fd, &byte, 1));
}

inline Outcome map_for_exec(char** args) {
  int fd = open(args[0], O_RDONLY);
  if (fd < 0) return of(-1);
  return of(mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
}

inline Outcome inherited(char** args) { return of(fcntl(atoi(args[0]), F_GETFD)); }

// The lowest descriptor above 2 that is open; "none" is what a sandbox wants to hear.
inline Outcome any_inherited(char**) {
  for (int fd = 3; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) return {};
  }
  return {EBADF};
}

inline Outcome device_ioctl(char** args) {
  int fd = open(args[0], O_RDONLY);
  if (fd < 0) return {0, "not opened"};
  int bits;
  return of(ioctl(fd, RNDGETENTCNT, &bits));
}

inline Outcome chroot_and_read(char** args) {
  if (chroot(args[0]) != 0) return of(-1);
  return read_at(AT_FDCWD, args[1]);
}

}  // namespace escape
