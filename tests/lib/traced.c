// Traces where nobody expects it.
//
//   traced thread-first | together | leader-first
//
// asks its parent to trace it, from its first thread and from another one, and stops in both. To the parent,
// each looks like a child that has changed its state. Then it waits to be killed.
//
//   traced hold PID...
//
// traces these processes, so that none of them dies before it does. Says "up" when it has them.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

static void *stop_traced(void *unused) {
  (void)unused;
  if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) perror("PTRACE_TRACEME");
  syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGURG);
  for (;;) pause();
  return 0;
}

static int hold(char **pids) {
  for (; *pids; ++pids) {
    if (ptrace(PTRACE_SEIZE, atoi(*pids), 0, (void *)(long)PTRACE_O_TRACEEXIT) != 0) {
      perror(*pids);
      return 1;
    }
  }
  puts("up");
  fflush(stdout);
  for (;;) pause();
}

int main(int argc, char **argv) {
  if (argc > 2 && strcmp(argv[1], "hold") == 0) return hold(argv + 2);
  const char *order = argc > 1 ? argv[1] : "together";
  pthread_t thread;
  if (strcmp(order, "leader-first") == 0) ptrace(PTRACE_TRACEME, 0, 0, 0);
  if (pthread_create(&thread, 0, stop_traced, 0) != 0) return 1;
  if (strcmp(order, "together") != 0) usleep(200000);
  if (strcmp(order, "leader-first") != 0) stop_traced(0);
  raise(SIGURG);
  for (;;) pause();
}
