// inherit set [COMMAND...]: gives itself unusual values of what a process inherits, and becomes the command.
// inherit keep [COMMAND...]: the same for what the admin of a service may choose.
// inherit keyring [COMMAND...]: the same with a session keyring alone, which all users may use.
// inherit show: prints all of them, one a line.
// inherit add NAME, read NAME, revoke, clear: with the session keyring; inherit own: with a new one. Print
// done, or why not.
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static void must(const char *what, long result) {
  if (result >= 0) return;
  perror(what);
  exit(3);
}

static void write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY);
  must(path, fd);
  must(path, write(fd, text, strlen(text)));
  close(fd);
}

static void set_limit(int resource, rlim_t soft, rlim_t hard) {
  struct rlimit limit = {soft, hard};
  must("setrlimit", setrlimit(resource, &limit));
}

static void raise_ambient(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2];
  must("capget", syscall(SYS_capget, &header, sets));
  sets[0].inheritable |= 1U << CAP_CHOWN;
  must("capset", syscall(SYS_capset, &header, sets));
  must("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (long)CAP_CHOWN, 0, 0));
}

// All users may do all with it and its key.
static void set_keyring(void) {
  must("keyctl", syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL));
  must("keyctl", syscall(SYS_keyctl, KEYCTL_SETPERM, KEY_SPEC_SESSION_KEYRING, 0x3f3f3f3f));
  long key =
      syscall(SYS_add_key, "user", "starters", "secret", 6UL, (long)KEY_SPEC_SESSION_KEYRING);
  must("keyctl", syscall(SYS_keyctl, KEYCTL_SETPERM, key, 0x3f3f3f3f));
}

static void set(void) {
  sigset_t some;
  sigemptyset(&some);
  for (int signo = 1; signo < 32; ++signo) {
    if (signo == SIGKILL || signo == SIGSTOP) continue;
    sigaddset(&some, signo);
    if (signo != SIGUSR1) signal(signo, SIG_IGN);
  }
  sigprocmask(SIG_SETMASK, &some, NULL);
  raise(SIGUSR1);
  must("death signal", prctl(PR_SET_PDEATHSIG, (long)SIGUSR2, 0, 0, 0));
  must("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1L, 0, 0, 0));
  must("dup", dup2(1, 77));
  setenv("INHERITED", "yes", 1);
  struct itimerval soon = {{0, 0}, {1, 0}};
  must("setitimer", setitimer(ITIMER_REAL, &soon, NULL));
  must("setitimer", setitimer(ITIMER_VIRTUAL, &soon, NULL));
  must("setitimer", setitimer(ITIMER_PROF, &soon, NULL));
  umask(0777);
  set_keyring();
  must("personality", personality(ADDR_NO_RANDOMIZE));
  must("timer slack", prctl(PR_SET_TIMERSLACK, 7000000L, 0, 0, 0));
  if (geteuid() == 0) {
    raise_ambient();
    must("securebits",
         prctl(PR_SET_SECUREBITS, (long)(SECBIT_NO_SETUID_FIXUP | SECBIT_NO_CAP_AMBIENT_RAISE), 0,
               0, 0));
  }
  // Takes a right that root does not have in every container.
  int fd = open("/proc/self/oom_score_adj", O_WRONLY);
  if (write(fd, "-500", 4) < 0) fputs("no -500\n", stderr);
  close(fd);
  set_limit(RLIMIT_CPU, 1, RLIM_INFINITY);
  set_limit(RLIMIT_FSIZE, 2000, RLIM_INFINITY);
  set_limit(RLIMIT_STACK, 512 << 10, 16 << 20);
  set_limit(RLIMIT_NOFILE, 200, 400);
  set_limit(RLIMIT_CORE, 11, 12);
}

static void keep(void) {
  errno = 0;
  setpriority(PRIO_PROCESS, 0, 5);
  struct sched_param none = {0};
  must("scheduler", sched_setscheduler(0, SCHED_BATCH, &none));
  must("ioprio",
       syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6)));
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(0, &cpus);
  must("affinity", sched_setaffinity(0, sizeof cpus, &cpus));
  unsigned long nodes = 1;
  // Some kernels have no NUMA.
  syscall(SYS_set_mempolicy, MPOL_PREFERRED, &nodes, 2L);
  must("thp", prctl(PR_SET_THP_DISABLE, 1L, 0, 0, 0));
  write_file("/proc/self/coredump_filter", "0x11");
  write_file("/proc/self/oom_score_adj", "300");
  must("no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1L, 0, 0, 0));
}

static void show_file(const char *name, const char *path) {
  char text[64] = "?";
  int fd = open(path, O_RDONLY);
  if (fd >= 0) {
    ssize_t n = read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
  }
  text[strcspn(text, "\n")] = '\0';
  printf("%s %s\n", name, text);
}

static void show_limit(const char *name, int resource) {
  struct rlimit limit;
  getrlimit(resource, &limit);
  printf("%s %lld %lld\n", name, (long long)limit.rlim_cur, (long long)limit.rlim_max);
}

static void show(void) {
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, NULL, &blocked);
  printf("signals");
  for (int signo = 1; signo < 65; ++signo) {
    struct sigaction action;
    if (sigismember(&blocked, signo) == 1) printf(" blocked %d", signo);
    if (sigaction(signo, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
      printf(" ignored %d", signo);
  }
  struct itimerval timer;
  getitimer(ITIMER_REAL, &timer);
  printf("\ntimers %s\n",
         timer.it_value.tv_sec == 0 && timer.it_value.tv_usec == 0 ? "none" : "some");
  mode_t mask = umask(0);
  umask(mask);
  printf("umask %03o\n", (unsigned)mask);
  printf("personality %x\n", (unsigned)personality(0xffffffff));
  printf("timer_slack %d\n", prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
  printf("securebits %x\n", (unsigned)prctl(PR_GET_SECUREBITS, 0, 0, 0, 0));
  show_limit("cpu", RLIMIT_CPU);
  show_limit("file_size", RLIMIT_FSIZE);
  show_limit("stack", RLIMIT_STACK);
  show_limit("files", RLIMIT_NOFILE);
  show_limit("core", RLIMIT_CORE);
  printf("descriptors");
  for (int fd = 3; fd < 200; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) printf(" %d", fd);
  }
  printf("\nenvironment %s\n", getenv("INHERITED"));
  printf("session %s\n",
         getsid(0) == getpid() && open("/dev/tty", O_RDWR) < 0 ? "own" : "inherited");
  printf("capabilities %d\n", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, (long)CAP_CHOWN, 0, 0));
  int value = -1;
  prctl(PR_GET_PDEATHSIG, &value, 0, 0, 0);
  printf("death_signal %d\n", value);
  prctl(PR_GET_CHILD_SUBREAPER, &value, 0, 0, 0);
  printf("subreaper %d\ndumpable %d\n", value, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
  show_file("oom_score_adj", "/proc/self/oom_score_adj");
  errno = 0;
  printf("nice %d\n", getpriority(PRIO_PROCESS, 0));
  printf("scheduler %d\n", sched_getscheduler(0));
  printf("ioprio %ld\n", syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, 0));
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  sched_getaffinity(0, sizeof cpus, &cpus);
  printf("affinity %d\n", CPU_COUNT(&cpus));
  int policy = -1;
  syscall(SYS_get_mempolicy, &policy, NULL, 0L, NULL, 0L);
  printf("mempolicy %d\n", policy);
  printf("thp %d\n", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
  show_file("coredump_filter", "/proc/self/coredump_filter");
  printf("no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

static void done(long result) { puts(result < 0 ? strerror(errno) : "done"); }

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  const char *way = argv[1];
  if (strcmp(way, "set") == 0) set();
  if (strcmp(way, "keep") == 0) keep();
  if (strcmp(way, "keyring") == 0) set_keyring();
  if (strcmp(way, "set") == 0 || strcmp(way, "keep") == 0 || strcmp(way, "keyring") == 0) {
    execvp(argv[2], argv + 2);
    return perror(argv[2]), 3;
  }
  if (strcmp(way, "show") == 0) show();
  if (strcmp(way, "add") == 0)
    done(syscall(SYS_add_key, "user", argv[2], "secret", 6UL, (long)KEY_SPEC_SESSION_KEYRING));
  if (strcmp(way, "read") == 0) {
    long key =
        syscall(SYS_keyctl, KEYCTL_SEARCH, (long)KEY_SPEC_SESSION_KEYRING, "user", argv[2], 0L);
    char text[16] = "";
    if (key >= 0) key = syscall(SYS_keyctl, KEYCTL_READ, key, text, sizeof text);
    done(key);
  }
  if (strcmp(way, "revoke") == 0)
    done(syscall(SYS_keyctl, KEYCTL_REVOKE, (long)KEY_SPEC_SESSION_KEYRING));
  if (strcmp(way, "clear") == 0)
    done(syscall(SYS_keyctl, KEYCTL_CLEAR, (long)KEY_SPEC_SESSION_KEYRING));
  if (strcmp(way, "own") == 0) {
    must("keyctl", syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL));
    done(syscall(SYS_add_key, "user", "own", "secret", 6UL, (long)KEY_SPEC_SESSION_KEYRING));
  }
  return 0;
}
