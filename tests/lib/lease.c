// Holds a lease on each FILE, so that whoever opens or executes one waits. Says "up" when it has them.
// Gives way when it is killed, or so many milliseconds after its start.
//
//   lease MILLISECONDS FILE…
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
  signal(SIGIO, SIG_IGN);
  for (int i = 2; i < argc; ++i) {
    int fd = open(argv[i], O_RDONLY);
    if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) != 0) {
      perror(argv[i]);
      return 1;
    }
  }
  puts("up");
  fflush(stdout);
  usleep((useconds_t)atoi(argv[1]) * 1000);
  return 0;
}
