// spawn COUNT IN_FLIGHT CMD ARG…: runs CMD so often, so many at a time, with posix_spawn(3). Prints runs a
// second. With COUNT 0, one run: prints the CLOCK_MONOTONIC nanoseconds before it, for latencies.
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char** environ;

static double now(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void start(char** argv) {
  pid_t pid;
  if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0) {
    perror(argv[0]);
    exit(1);
  }
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  int count = atoi(argv[1]);
  int in_flight = atoi(argv[2]);
  char** command = argv + 3;
  double begin = now();
  if (count == 0) {
    printf("%.0f\n", begin * 1e9);
    fflush(stdout);
    start(command);
    wait(NULL);
    return 0;
  }
  int running = 0;
  for (int started = 0; started < count || running > 0;) {
    if (started < count && running < in_flight) {
      start(command);
      ++started;
      ++running;
    } else {
      wait(NULL);
      --running;
    }
  }
  printf("%.1f\n", count / (now() - begin));
  return 0;
}
