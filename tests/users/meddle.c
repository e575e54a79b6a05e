// meddle PID... STATE: tries all that one process can do to another, and to the state file and its directory.
// Prints what succeeds, as WAY PID or WAY FILE, and undoes it.
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

static void told(const char *way, const char *what, int done) {
  if (done) printf("%s %s\n", way, what);
}

static void meddle_files(pid_t pid, const char *name) {
  static const char *const files[] = {"mem",       "environ", "maps",    "fd",
                                      "map_files", "auxv",    "syscall", "stack"};
  char path[64];
  for (size_t i = 0; i < sizeof files / sizeof *files; ++i) {
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, files[i]);
    int fd = open(path, O_RDONLY);
    char byte;
    told(files[i], name, fd >= 0 && (read(fd, &byte, 1) >= 0 || errno == EISDIR || errno == EIO));
    if (fd >= 0) close(fd);
  }
  static const char *const knobs[] = {"oom_score_adj", "autogroup", "coredump_filter",
                                      "timerslack_ns"};
  for (size_t i = 0; i < sizeof knobs / sizeof *knobs; ++i) {
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, knobs[i]);
    int fd = open(path, O_WRONLY);
    told(knobs[i], name, fd >= 0 && write(fd, "500\n", 4) >= 0);
    if (fd >= 0) close(fd);
  }
}

static void meddle_process(const char *name) {
  pid_t pid = (pid_t)atoi(name);
  told("signal", name, kill(pid, 0) == 0);
  if (kill(pid, SIGSTOP) == 0) {
    told("stop", name, 1);
    kill(pid, SIGCONT);
  }
  told("renice", name, setpriority(PRIO_PROCESS, (id_t)pid, 19) == 0);
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(0, &cpus);
  told("taskset", name, sched_setaffinity(pid, sizeof cpus, &cpus) == 0);
  struct sched_param idle = {0};
  told("chrt", name, sched_setscheduler(pid, SCHED_IDLE, &idle) == 0);
  told("ionice", name,
       syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)) ==
           0);
  struct rlimit limit = {12, 12};
  told("prlimit", name, prlimit(pid, RLIMIT_NOFILE, &limit, NULL) == 0);
  told("prlimit-read", name, prlimit(pid, RLIMIT_NOFILE, NULL, &limit) == 0);
  char word[8];
  struct iovec local = {word, sizeof word}, remote = {(void *)told, sizeof word};
  told("readv", name, process_vm_readv(pid, &local, 1, &remote, 1, 0) >= 0 || errno == EFAULT);
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  told("getfd", name, pidfd >= 0 && syscall(SYS_pidfd_getfd, pidfd, 0, 0) >= 0);
  if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0) {
    told("seize", name, 1);
    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
    waitpid(pid, NULL, __WALL);
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
  }
  if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0) {
    told("attach", name, 1);
    waitpid(pid, NULL, __WALL);
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
  }
  meddle_files(pid, name);
}

static void meddle_state(const char *state) {
  static const char *const suffixes[] = {"", "-wal", "-journal", "-shm"};
  char path[4096], other[4096 + 8];
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; ++i) {
    snprintf(path, sizeof path, "%s%s", state, suffixes[i]);
    snprintf(other, sizeof other, "%s.moved", path);
    told("read", path, open(path, O_RDONLY) >= 0);
    told("write", path, open(path, O_RDWR) >= 0);
    told("create", path, open(path, O_RDWR | O_CREAT, 0600) >= 0);
    told("chmod", path, chmod(path, 0666) == 0);
    told("chown", path, chown(path, getuid(), getgid()) == 0);
    told("truncate", path, truncate(path, 0) == 0);
    if (rename(path, other) == 0) {
      told("rename", path, 1);
      rename(other, path);
    }
    told("link", path, link(path, other) == 0);
  }
  snprintf(path, sizeof path, "%s", state);
  *strrchr(path, '/') = '\0';
  snprintf(other, sizeof other, "%s.moved", path);
  if (rename(path, other) == 0) {
    told("rename", path, 1);
    rename(other, path);
  }
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  for (int i = 1; i < argc - 1; ++i) meddle_process(argv[i]);
  meddle_state(argv[argc - 1]);
  puts("tried");
  return 0;
}
