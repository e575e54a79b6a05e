// Tries to get out of a sandbox, one way a call, and says how that went.
//
//     escape WAY [ARGUMENT…]
//
// prints one line: "ok" when it got what it wanted, the errno's name when it was denied, or what
// else stopped it ("SIGSYS", "uid 65534"). What it does to files and processes it undoes if it can.
// Further words do something allowed ("memfd-script"), or set up what a way needs
// ("serve-abstract").

#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/random.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#endif
#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_fsopen 430
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_send_signal 424
#define SYS_pidfd_open 434
#define SYS_pidfd_getfd 438
#endif
#ifndef PTRACE_SEIZE
#define PTRACE_SEIZE 0x4206
#endif

namespace {

constexpr int kMptcp = 262;            // IPPROTO_MPTCP
constexpr int kFastOpen = 0x20000000;  // MSG_FASTOPEN
constexpr uid_t kNobody = 65534;

// What a way comes to: 0, an errno, or with `words` something that has none.
struct Outcome {
  int error = 0;
  const char* words = nullptr;
};

// Of a system call that has just returned `result`.
Outcome of(long result) { return {result < 0 ? errno : 0}; }

const char* errno_name(int error) {
  struct Name {
    int error;
    const char* name;
  };
  static const Name kNames[] = {
      {0, "ok"},
      {EPERM, "EPERM"},
      {ENOENT, "ENOENT"},
      {ESRCH, "ESRCH"},
      {EIO, "EIO"},
      {ENXIO, "ENXIO"},
      {EBADF, "EBADF"},
      {EACCES, "EACCES"},
      {EBUSY, "EBUSY"},
      {EEXIST, "EEXIST"},
      {EXDEV, "EXDEV"},
      {ENODEV, "ENODEV"},
      {ENOTDIR, "ENOTDIR"},
      {EISDIR, "EISDIR"},
      {EINVAL, "EINVAL"},
      {ENOTTY, "ENOTTY"},
      {EROFS, "EROFS"},
      {ENOSYS, "ENOSYS"},
      {ENOTSUP, "ENOTSUP"},
      {ECONNREFUSED, "ECONNREFUSED"},
      {ELOOP, "ELOOP"},
      {ENOEXEC, "ENOEXEC"},
      {EAFNOSUPPORT, "EAFNOSUPPORT"},
      {EPROTONOSUPPORT, "EPROTONOSUPPORT"},
      {EADDRINUSE, "EADDRINUSE"},
  };
  for (const Name& name : kNames) {
    if (name.error == error) return name.name;
  }
  return strerror(error);
}

pid_t pid_of(const char* text) { return static_cast<pid_t>(atol(text)); }
uint16_t port_of(const char* text) { return static_cast<uint16_t>(atoi(text)); }

// --- files ---

Outcome read_at(int folder, const char* path) {
  int fd = openat(folder, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return of(-1);
  char byte;
  return of(read(fd, &byte, 1));
}

Outcome read_file(char** args) { return read_at(AT_FDCWD, args[0]); }

Outcome write_file(char** args) { return of(open(args[0], O_WRONLY | O_NONBLOCK)); }
Outcome append_file(char** args) { return of(open(args[0], O_WRONLY | O_APPEND | O_NONBLOCK)); }
Outcome read_write_file(char** args) { return of(open(args[0], O_RDWR | O_NONBLOCK)); }
Outcome open_truncate(char** args) { return of(open(args[0], O_RDONLY | O_TRUNC | O_NONBLOCK)); }

Outcome create_file(char** args) {
  Outcome outcome = of(open(args[0], O_WRONLY | O_CREAT | O_EXCL, 0600));
  if (outcome.error == 0) unlink(args[0]);
  return outcome;
}

Outcome temporary_file(char** args) { return of(open(args[0], O_RDWR | O_TMPFILE, 0600)); }

Outcome truncate_file(char** args) { return of(truncate(args[0], 1)); }

Outcome list_folder(char** args) {
  DIR* dir = opendir(args[0]);
  return dir == nullptr || readdir(dir) == nullptr ? of(-1) : Outcome{};
}

Outcome make_folder(char** args) {
  Outcome outcome = of(mkdir(args[0], 0700));
  if (outcome.error == 0) rmdir(args[0]);
  return outcome;
}

Outcome remove_file(char** args) { return of(unlink(args[0])); }
Outcome remove_folder(char** args) { return of(rmdir(args[0])); }

Outcome make_symlink(char** args) {
  Outcome outcome = of(symlink("/", args[0]));
  if (outcome.error == 0) unlink(args[0]);
  return outcome;
}

Outcome make_node(const char* path, mode_t mode, dev_t dev) {
  Outcome outcome = of(mknod(path, mode | 0600, dev));
  if (outcome.error == 0) unlink(path);
  return outcome;
}
Outcome make_fifo(char** args) { return make_node(args[0], S_IFIFO, 0); }
Outcome make_char_device(char** args) { return make_node(args[0], S_IFCHR, makedev(1, 3)); }
Outcome make_block_device(char** args) { return make_node(args[0], S_IFBLK, makedev(7, 0)); }

socklen_t unix_address(sockaddr_un* address, const char* path) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  strncpy(address->sun_path, path, sizeof address->sun_path - 1);
  return sizeof *address;
}

Outcome make_socket_file(char** args) {
  sockaddr_un address;
  socklen_t size = unix_address(&address, args[0]);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  Outcome outcome = of(bind(fd, reinterpret_cast<sockaddr*>(&address), size));
  if (outcome.error == 0) unlink(args[0]);
  return outcome;
}

// These three put things back.
Outcome rename_file(char** args) {
  Outcome outcome = of(rename(args[0], args[1]));
  if (outcome.error == 0) rename(args[1], args[0]);
  return outcome;
}
Outcome exchange_files(char** args) {
  auto exchange = [&] {
    return syscall(SYS_renameat2, AT_FDCWD, args[0], AT_FDCWD, args[1], RENAME_EXCHANGE);
  };
  Outcome outcome = of(exchange());
  if (outcome.error == 0) exchange();
  return outcome;
}
Outcome link_file(char** args) {
  Outcome outcome = of(link(args[0], args[1]));
  if (outcome.error == 0) unlink(args[1]);
  return outcome;
}

Outcome read_through_symlink(char** args) {
  if (symlink(args[0], args[1]) != 0) return {0, "no symlink"};
  Outcome outcome = read_at(AT_FDCWD, args[1]);
  unlink(args[1]);
  return outcome;
}

Outcome read_from_folder(char** args) {
  int folder = open(args[0], O_PATH | O_DIRECTORY);
  return folder < 0 ? of(-1) : read_at(folder, args[1]);
}

Outcome reopen_path_descriptor(char** args) {
  char name[64];
  snprintf(name, sizeof name, "/proc/self/fd/%d", open(args[0], O_PATH));
  return read_at(AT_FDCWD, name);
}

Outcome read_by_handle(char** args) {
  struct {
    file_handle handle;
    unsigned char bytes[MAX_HANDLE_SZ];
  } file;
  file.handle.handle_bytes = MAX_HANDLE_SZ;
  int mount_id;
  if (name_to_handle_at(AT_FDCWD, args[0], &file.handle, &mount_id, 0) != 0)
    return {0, "no handle"};
  int mount = open(args[1], O_RDONLY | O_DIRECTORY);
  if (mount < 0) return {0, "no mount"};
  int fd = open_by_handle_at(mount, &file.handle, O_RDONLY);
  char byte;
  return of(fd < 0 ? -1 : read(fd, &byte, 1));
}

Outcome map_for_exec(char** args) {
  int fd = open(args[0], O_RDONLY);
  if (fd < 0) return of(-1);
  return of(mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
}

Outcome inherited(char** args) { return of(fcntl(atoi(args[0]), F_GETFD)); }

// The lowest descriptor above 2 that is open; "none" is what a sandbox wants to hear.
Outcome any_inherited(char**) {
  for (int fd = 3; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) return {};
  }
  return {EBADF};
}

Outcome device_ioctl(char** args) {
  int fd = open(args[0], O_RDONLY);
  if (fd < 0) return {0, "not opened"};
  int bits;
  return of(ioctl(fd, RNDGETENTCNT, &bits));
}

Outcome chroot_and_read(char** args) {
  if (chroot(args[0]) != 0) return of(-1);
  return read_at(AT_FDCWD, args[1]);
}

// --- programs ---

// Runs `body` in a child and returns what that says; a signal that ends the child is told by name.
template <typename Body>
Outcome in_child(Body body) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return of(-1);
  pid_t child = fork();
  if (child == 0) {
    Outcome outcome = body();
    if (write(ends[1], &outcome, sizeof outcome) < 0) _exit(1);
    _exit(0);
  }
  close(ends[1]);
  Outcome outcome{};
  ssize_t n = read(ends[0], &outcome, sizeof outcome);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status) == SIGSYS ? "SIGSYS" : "killed"};
  if (n != sizeof outcome && WEXITSTATUS(status) != 0) return {0, "exited"};
  return outcome;  // with an exec that worked, the pipe was closed unwritten: ok
}

Outcome exec_program(char** args) {
  return in_child([&]() -> Outcome {
    execv(args[0], args);
    return of(-1);
  });
}

// The loader as a program, which is to run what is not granted: LOADER PROGRAM. It fails in its own
// way, with words.
Outcome exec_through_loader(char** args) {
  int ends[2];
  if (pipe(ends) != 0) return of(-1);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    execv(args[0], args);
    dprintf(2, "exec: %s", strerror(errno));
    _exit(127);
  }
  close(ends[1]);
  char said[4096];
  size_t size = 0;
  for (ssize_t n; (n = read(ends[0], said + size, sizeof said - 1 - size)) > 0;) size += n;
  said[size] = '\0';
  int status = 0;
  waitpid(child, &status, 0);
  if (status == 0) return {};
  if (strstr(said, "Permission denied") != nullptr) return {EACCES};
  return {0, "another error"};
}

// PROGRAM is a copy of this one, owned by root and setuid; run by nobody it should be root's.
Outcome exec_setuid(char** args) {
  return in_child([&]() -> Outcome {
    if (setgid(kNobody) != 0 || setuid(kNobody) != 0) return of(-1);
    execl(args[0], args[0], "be-root", nullptr);
    return of(-1);
  });
}
Outcome do_nothing(char**) { return {}; }
Outcome be_root(char**) { return {geteuid() == 0 ? 0 : EPERM}; }

// With `by_exec` the memfd itself is executed (#!), else the shell reads it.
Outcome run_memfd(bool by_exec) {
  static const char kScript[] = "#!/bin/sh\necho from a memfd >/dev/null\nexit 7\n";
  int fd = memfd_create("job", 0);
  if (write(fd, kScript, sizeof kScript - 1) < 0) return of(-1);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  pid_t child = fork();
  if (child == 0) {
    if (by_exec)
      execl(path, path, nullptr);
    else
      execl("/bin/sh", "sh", path, nullptr);
    _exit(errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  int code = WEXITSTATUS(status);
  return {code == 7 ? 0 : code};
}
Outcome memfd_script(char**) { return run_memfd(true); }
Outcome memfd_for_shell(char**) { return run_memfd(false); }

// --- processes ---

Outcome trace(char** args) {
  pid_t pid = pid_of(args[0]);
  Outcome outcome = of(ptrace(static_cast<decltype(PTRACE_ATTACH)>(PTRACE_SEIZE), pid, 0, 0));
  if (outcome.error == 0) ptrace(PTRACE_DETACH, pid, 0, 0);
  return outcome;
}

Outcome send_signal(char** args) { return of(kill(pid_of(args[0]), atoi(args[1]))); }

Outcome stop_process(char** args) {
  pid_t pid = pid_of(args[0]);
  Outcome outcome = of(kill(pid, SIGSTOP));
  if (outcome.error == 0) kill(pid, SIGCONT);
  return outcome;
}

Outcome signal_by_pidfd(char** args) {
  int fd = static_cast<int>(syscall(SYS_pidfd_open, pid_of(args[0]), 0));
  return fd < 0 ? of(-1) : of(syscall(SYS_pidfd_send_signal, fd, SIGCONT, nullptr, 0));
}

Outcome steal_descriptor(char** args) {
  int fd = static_cast<int>(syscall(SYS_pidfd_open, pid_of(args[0]), 0));
  return fd < 0 ? of(-1) : of(syscall(SYS_pidfd_getfd, fd, atoi(args[1]), 0));
}

// Address 1 is mapped nowhere: EFAULT says that the kernel would have read it.
Outcome read_memory(char** args) {
  char byte;
  iovec here{&byte, 1};
  iovec there{reinterpret_cast<void*>(1), 1};
  Outcome outcome = of(process_vm_readv(pid_of(args[0]), &here, 1, &there, 1, 0));
  return outcome.error == EFAULT ? Outcome{} : outcome;
}

Outcome limit_process(char** args) {
  pid_t pid = pid_of(args[0]);
  rlimit limit;
  if (prlimit(pid, RLIMIT_CORE, nullptr, &limit) != 0) return of(-1);
  return of(prlimit(pid, RLIMIT_CORE, &limit, nullptr));
}

// --- sockets ---

socklen_t abstract_address(sockaddr_un* address, const char* name) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  size_t length = strlen(name);
  memcpy(address->sun_path + 1, name, length);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
}

int listen_abstract(const char* name, int type) {
  sockaddr_un address;
  socklen_t size = abstract_address(&address, name);
  int fd = socket(AF_UNIX, type, 0);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) return -1;
  if (type == SOCK_STREAM && listen(fd, 8) != 0) return -1;
  return fd;
}

Outcome connect_abstract(char** args) {
  sockaddr_un address;
  socklen_t size = abstract_address(&address, args[0]);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  return of(connect(fd, reinterpret_cast<sockaddr*>(&address), size));
}

Outcome send_abstract(char** args) {
  sockaddr_un address;
  socklen_t size = abstract_address(&address, args[0]);
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  return of(sendto(fd, "x", 1, 0, reinterpret_cast<sockaddr*>(&address), size));
}

Outcome own_abstract(char**) {
  char name[] = "filed-escape-own";
  char* args[] = {name, nullptr};
  return listen_abstract(name, SOCK_STREAM) < 0 ? of(-1) : connect_abstract(args);
}

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

Outcome tcp(int protocol, uint16_t port, bool to_bind) {
  int fd = socket(AF_INET, SOCK_STREAM, protocol);
  if (fd < 0) return of(-1);
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = loopback(port);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  return of(to_bind ? bind(fd, generic, sizeof address) : connect(fd, generic, sizeof address));
}
Outcome connect_tcp(char** args) { return tcp(0, port_of(args[0]), false); }
Outcome bind_tcp(char** args) { return tcp(0, port_of(args[0]), true); }
Outcome connect_mptcp(char** args) { return tcp(kMptcp, port_of(args[0]), false); }
Outcome bind_mptcp(char** args) { return tcp(kMptcp, port_of(args[0]), true); }

Outcome connect_tcp6(char** args) {
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port_of(args[0]));
  address.sin6_addr = in6addr_loopback;
  return of(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address));
}

Outcome send_fast_open(char** args) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(port_of(args[0]));
  return of(sendto(fd, "x", 1, kFastOpen, reinterpret_cast<sockaddr*>(&address), sizeof address));
}
Outcome sendmsg_fast_open(char** args) {
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

Outcome udp(char**) { return of(socket(AF_INET, SOCK_DGRAM, 0)); }
Outcome udp6(char**) { return of(socket(AF_INET6, SOCK_DGRAM, 0)); }
Outcome tcp_socket(char**) { return of(socket(AF_INET, SOCK_STREAM, 0)); }
Outcome raw_socket(char**) { return of(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)); }
Outcome packet_socket(char**) { return of(socket(AF_PACKET, SOCK_RAW, 0)); }
Outcome netlink_socket(char**) { return of(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)); }
Outcome vm_socket(char**) { return of(socket(AF_VSOCK, SOCK_STREAM, 0)); }
Outcome unix_socket(char**) { return of(socket(AF_UNIX, SOCK_STREAM, 0)); }

// The upper half of the argument is nothing to the kernel; a filter must not fall for it either.
Outcome high_bits_socket(char**) {
  return of(syscall(SYS_socket, (1L << 32) | AF_INET, SOCK_DGRAM, 0));
}

Outcome io_uring(char**) {
  unsigned char params[256] = {};
  return of(syscall(SYS_io_uring_setup, 1, params));
}

// A socket by the 32-bit system call.
Outcome socket32(char**) {
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

Outcome limit_process32(char** args) {
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

// --- the system ---

Outcome mount_tmpfs(char** args) {
  Outcome outcome = of(mount("none", args[0], "tmpfs", 0, nullptr));
  if (outcome.error == 0) umount(args[0]);
  return outcome;
}
Outcome bind_mount(char** args) {
  Outcome outcome = of(mount(args[0], args[1], nullptr, MS_BIND, nullptr));
  if (outcome.error == 0) umount(args[1]);
  return outcome;
}
Outcome unmount(char** args) { return of(umount2(args[0], MNT_DETACH)); }

// In a mount namespace of its own, so that nobody's root changes.
Outcome pivot(char** args) {
  return in_child([&]() -> Outcome {
    if (unshare(CLONE_NEWNS) != 0) return of(-1);
    mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    mount(args[0], args[0], nullptr, MS_BIND, nullptr);
    if (chdir(args[0]) != 0) return of(-1);
    return of(syscall(SYS_pivot_root, ".", "."));
  });
}

Outcome mount_in_user_namespace(char** args) {
  return in_child([&]() -> Outcome {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return {0, "no user namespace"};
    return of(mount("none", args[0], "tmpfs", 0, nullptr));
  });
}

Outcome open_tree_clone(char** args) {
  constexpr unsigned kClone = 1;  // OPEN_TREE_CLONE
  return of(syscall(SYS_open_tree, AT_FDCWD, args[0], kClone | O_CLOEXEC));
}
Outcome open_filesystem(char**) { return of(syscall(SYS_fsopen, "tmpfs", 0)); }

Outcome enter_namespace(char** args) {
  int fd = open(args[0], O_RDONLY);
  return fd < 0 ? of(-1) : of(setns(fd, 0));
}

Outcome bpf_map(char**) {
  bpf_attr attr{};
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = 4;
  attr.value_size = 4;
  attr.max_entries = 1;
  return of(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr));
}

Outcome kernel_log(char**) {
  char line[256];
  constexpr int kReadAll = 3;
  return of(klogctl(kReadAll, line, sizeof line));
}

Outcome host_name(char**) {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return of(-1);
  return of(sethostname(name, strlen(name)));
}

// Of every process on a processor, which an unprivileged one may not.
Outcome perf(char**) {
  perf_event_attr attr{};
  attr.type = PERF_TYPE_SOFTWARE;
  attr.size = sizeof attr;
  attr.config = PERF_COUNT_SW_CPU_CLOCK;
  return of(syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0));
}

// With descriptor 0 a terminal: input that its next reader takes for typed.
Outcome push_input(char**) { return of(ioctl(0, TIOCSTI, "x")); }
Outcome push_input_high_bits(char**) {
  return of(syscall(SYS_ioctl, 0, (1L << 32) | TIOCSTI, "x"));
}
Outcome open_terminal(char**) { return of(open("/dev/tty", O_RDWR)); }

// --- what the ways need ---

// Each says "ready" on a line when it serves, and stays until it is killed.
[[noreturn]] void serve() {
  puts("ready");
  fflush(stdout);
  for (;;) pause();
}
Outcome serve_abstract(char** args) {
  if (listen_abstract(args[0], SOCK_STREAM) < 0) return of(-1);
  if (listen_abstract(args[1], SOCK_DGRAM) < 0) return of(-1);
  serve();
}
Outcome serve_tcp(char** args) {
  for (; *args != nullptr; ++args) {
    int fd = socket(AF_INET6, SOCK_STREAM, 0);  // of both families
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port_of(*args));
    address.sin6_addr = in6addr_any;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &on, sizeof on);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return of(-1);
    if (listen(fd, 64) != 0) return of(-1);
  }
  serve();
}
Outcome serve_nothing(char**) { serve(); }

// N free TCP ports.
Outcome free_ports(char** args) {
  for (int i = atoi(args[0]); i > 0; --i) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) return of(-1);
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    printf("%d%c", ntohs(address.sin_port), i > 1 ? ' ' : '\n');
  }
  exit(0);
}

// Runs the rest of the arguments in a session whose terminal is descriptor 0.
Outcome in_terminal(char** args) {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) return of(-1);
  pid_t child = fork();
  if (child == 0) {
    setsid();
    int terminal = open(ptsname(master), O_RDWR);
    ioctl(terminal, TIOCSCTTY, 0);
    dup2(terminal, 0);
    execvp(args[0], args);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

// --- the table ---

struct Way {
  const char* name;
  int arguments;
  Outcome (*try_it)(char** args);
};

const Way kWays[] = {
    {"read", 1, read_file},
    {"write", 1, write_file},
    {"append", 1, append_file},
    {"read-write", 1, read_write_file},
    {"open-truncate", 1, open_truncate},
    {"create", 1, create_file},
    {"tmpfile", 1, temporary_file},
    {"truncate", 1, truncate_file},
    {"list", 1, list_folder},
    {"mkdir", 1, make_folder},
    {"unlink", 1, remove_file},
    {"rmdir", 1, remove_folder},
    {"symlink", 1, make_symlink},
    {"mkfifo", 1, make_fifo},
    {"mknod-char", 1, make_char_device},
    {"mknod-block", 1, make_block_device},
    {"socket-file", 1, make_socket_file},
    {"rename", 2, rename_file},
    {"exchange", 2, exchange_files},
    {"link", 2, link_file},
    {"read-symlink", 2, read_through_symlink},
    {"read-dirfd", 2, read_from_folder},
    {"read-path-fd", 1, reopen_path_descriptor},
    {"read-handle", 2, read_by_handle},
    {"map-exec", 1, map_for_exec},
    {"inherited", 1, inherited},
    {"any-inherited", 0, any_inherited},
    {"device-ioctl", 1, device_ioctl},
    {"chroot-read", 2, chroot_and_read},
    {"exec", 1, exec_program},
    {"exec-loader", 2, exec_through_loader},
    {"exec-setuid", 1, exec_setuid},
    {"be-root", 0, be_root},
    {"nothing", 0, do_nothing},
    {"memfd-script", 0, memfd_script},
    {"memfd-shell", 0, memfd_for_shell},
    {"ptrace", 1, trace},
    {"kill", 2, send_signal},
    {"stop", 1, stop_process},
    {"pidfd-signal", 1, signal_by_pidfd},
    {"pidfd-getfd", 2, steal_descriptor},
    {"process-vm-read", 1, read_memory},
    {"prlimit", 1, limit_process},
    {"prlimit32", 1, limit_process32},
    {"connect-abstract", 1, connect_abstract},
    {"send-abstract", 1, send_abstract},
    {"own-abstract", 0, own_abstract},
    {"connect", 1, connect_tcp},
    {"connect6", 1, connect_tcp6},
    {"bind", 1, bind_tcp},
    {"connect-mptcp", 1, connect_mptcp},
    {"bind-mptcp", 1, bind_mptcp},
    {"fast-open", 1, send_fast_open},
    {"fast-open-sendmsg", 1, sendmsg_fast_open},
    {"tcp", 0, tcp_socket},
    {"udp", 0, udp},
    {"udp6", 0, udp6},
    {"raw", 0, raw_socket},
    {"packet", 0, packet_socket},
    {"netlink", 0, netlink_socket},
    {"vsock", 0, vm_socket},
    {"unix", 0, unix_socket},
    {"high-bits", 0, high_bits_socket},
    {"io-uring", 0, io_uring},
    {"socket32", 0, socket32},
    {"mount", 1, mount_tmpfs},
    {"bind-mount", 2, bind_mount},
    {"umount", 1, unmount},
    {"pivot-root", 1, pivot},
    {"userns-mount", 1, mount_in_user_namespace},
    {"open-tree", 1, open_tree_clone},
    {"fsopen", 0, open_filesystem},
    {"setns", 1, enter_namespace},
    {"bpf", 0, bpf_map},
    {"kernel-log", 0, kernel_log},
    {"hostname", 0, host_name},
    {"perf", 0, perf},
    {"tiocsti", 0, push_input},
    {"tiocsti-high-bits", 0, push_input_high_bits},
    {"open-tty", 0, open_terminal},
    {"serve-abstract", 2, serve_abstract},
    {"serve-tcp", 1, serve_tcp},
    {"serve-nothing", 0, serve_nothing},
    {"free-ports", 1, free_ports},
    {"in-terminal", 1, in_terminal},
};

}  // namespace

int main(int argc, char** argv) {
  for (const Way& way : kWays) {
    if (argc < 2 || strcmp(argv[1], way.name) != 0 || argc < 2 + way.arguments) continue;
    Outcome outcome = way.try_it(argv + 2);
    if (way.try_it == do_nothing) return 0;
    if (way.try_it == be_root) return outcome.error == 0 ? 0 : 1;
    puts(outcome.words != nullptr ? outcome.words : errno_name(outcome.error));
    return 0;
  }
  fprintf(stderr, "escape: no such way, or too few arguments\n");
  return 2;
}
