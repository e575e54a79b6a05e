// open-many PREFIX NUMBER: creates so many empty files and keeps them open; says how many there are when it
// may not have one more, and why. Waits for the end of its standard input.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  for (int i = 0; i < atoi(argv[2]); ++i) {
    char name[4096];
    snprintf(name, sizeof name, "%s%d", argv[1], i);
    if (open(name, O_WRONLY | O_CREAT | O_EXCL, 0666) < 0) {
      printf("%d: %s\n", i, strerror(errno));
      break;
    }
  }
  fflush(stdout);
  char byte;
  while (read(0, &byte, 1) > 0) {
  }
}
