// race DIR PROCESSES ROUNDS: so many processes make the files DIR/race-0, race-1, … at the same time, with
// O_EXCL. Exits with 0 if each file had exactly one maker; each writes its own number into what it made.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 4 || chdir(argv[1]) != 0) return 2;
  int processes = atoi(argv[2]), rounds = atoi(argv[3]);
  size_t size = sizeof(int) * (size_t)(rounds + 1) * 2;
  int *made = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (made == MAP_FAILED) return 2;
  int *here = made + rounds + 1;  // how many have come to that round
  for (int p = 0; p < processes; p++) {
    if (fork() != 0) continue;
    alarm(60);
    for (int i = 0; i < rounds; i++) {
      char name[32], text[64];
      snprintf(name, sizeof name, "race-%d", i);
      __atomic_add_fetch(&here[i], 1, __ATOMIC_SEQ_CST);
      while (__atomic_load_n(&here[i], __ATOMIC_SEQ_CST) < processes) sched_yield();
      int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
      if (fd < 0 && errno == EEXIST) continue;
      int length = snprintf(text, sizeof text, "echo %d", p);
      if (fd < 0 || write(fd, text, (size_t)length) != length || close(fd) != 0) {
        perror(name);
        _exit(1);
      }
      __atomic_add_fetch(&made[i], 1, __ATOMIC_SEQ_CST);
    }
    _exit(0);
  }
  int failed = 0, status;
  while (wait(&status) > 0) failed |= status != 0;
  for (int i = 0; i < rounds; i++) {
    if (made[i] == 1) continue;
    printf("race-%d has %d makers\n", i, made[i]);
    failed = 1;
  }
  return failed;
}
