// Tries to get out of a sandbox, one way a call, and says how that went.
//
//     escape WAY [ARGUMENT…]
//
// prints one line: "ok" when it got what it wanted, the errno's name when it was denied, or what
// else stopped it ("SIGSYS", "uid 65534"). What it does to files and processes it undoes if it can.
// Further words do something allowed ("memfd-script"), or set up what a way needs
// ("serve-abstract").

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "file_ways.h"
#include "process_ways.h"
#include "socket_ways.h"
#include "system_ways.h"

using namespace escape;

namespace {

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

// Runs the rest of the arguments in a session with descriptor 0 as its terminal.
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
