// submit DIR PREFIX COUNT TEXT: makes COUNT files in DIR, named PREFIX and a number, each by open, write
// and close. Prints files a second.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char** argv) {
  if (argc != 5 || chdir(argv[1]) != 0) return 2;
  int count = atoi(argv[3]);
  size_t size = strlen(argv[4]);
  double begin = now();
  for (int i = 0; i < count; ++i) {
    char name[64];
    snprintf(name, sizeof name, "%s%d", argv[2], i);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, argv[4], size) != (ssize_t)size || close(fd) != 0) {
      perror(name);
      return 1;
    }
  }
  printf("%.1f\n", count / (now() - begin));
  return 0;
}
