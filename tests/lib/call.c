// System calls that no shell command makes, or makes without showing the error.
//
//	call exchange A B      renameat2(2) with RENAME_EXCHANGE
//	call noreplace A B     the same with RENAME_NOREPLACE
//	call rename A B        what mv does, without mv's own checks
//	call link A B          call symlink TEXT B
//	call mknod A           a device node          call mkfifo A
//	call put A [append|keep|excl]   writes standard input to A and closes it
//	call hold A TEXT       writes TEXT to A, says so, and keeps it open until it is killed
//	call size A BYTES      truncate(2)      call unlink A
//	call touch A [SECONDS] utimensat(2), of now or of that time
//	call times A           prints atime, mtime and ctime in nanoseconds
//	call now -             prints the time in nanoseconds
//
// A failure is one line, STEP: REASON, and status 1.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

static int check(const char *step, long result) {
  if (result >= 0) return 0;
  printf("%s: %s\n", step, strerror(errno));
  return 1;
}

static int rename_with(const char *from, const char *to, unsigned flags) {
  return check("rename", syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags));
}

static int put(const char *path, const char *how) {
  int flags = O_WRONLY | O_CREAT;
  if (strcmp(how, "append") == 0) {
    flags |= O_APPEND;
  } else if (strcmp(how, "excl") == 0) {
    flags |= O_EXCL;
  } else if (strcmp(how, "keep") != 0) {
    flags |= O_TRUNC;
  }
  int fd = open(path, flags, 0666);
  if (fd < 0) return check("open", fd);
  static char buffer[128 * 1024];
  ssize_t size;
  int failed = 0;
  while (!failed && (size = read(0, buffer, sizeof buffer)) > 0) {
    failed = check("write", write(fd, buffer, (size_t)size));
  }
  return check("close", close(fd)) || failed;
}

static int hold(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (check("open", fd)) return 1;
  if (*text && check("write", write(fd, text, strlen(text)))) return 1;
  puts("held");
  fflush(stdout);
  alarm(120);
  for (;;) pause();
}

static long long ns(struct timespec t) { return t.tv_sec * 1000000000LL + t.tv_nsec; }

static int times(const char *path) {
  struct stat st;
  if (check("stat", stat(path, &st))) return 1;
  printf("%lld %lld %lld\n", ns(st.st_atim), ns(st.st_mtim), ns(st.st_ctim));
  return 0;
}

static int touch(const char *path, const char *seconds) {
  struct timespec at[2] = {{.tv_sec = atoll(seconds)}, {.tv_sec = atoll(seconds)}};
  return check("utimensat", utimensat(AT_FDCWD, path, *seconds ? at : NULL, 0));
}

static int now(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  printf("%lld\n", ns(t));
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *what = argv[1], *a = argv[2], *b = argc > 3 ? argv[3] : "";
  if (strcmp(what, "exchange") == 0) return rename_with(a, b, 2);
  if (strcmp(what, "noreplace") == 0) return rename_with(a, b, 1);
  if (strcmp(what, "rename") == 0) return rename_with(a, b, 0);
  if (strcmp(what, "link") == 0) return check("link", link(a, b));
  if (strcmp(what, "symlink") == 0) return check("symlink", symlink(a, b));
  if (strcmp(what, "mknod") == 0) return check("mknod", mknod(a, S_IFCHR | 0600, makedev(1, 3)));
  if (strcmp(what, "mkfifo") == 0) return check("mkfifo", mkfifo(a, 0600));
  if (strcmp(what, "put") == 0) return put(a, b);
  if (strcmp(what, "hold") == 0) return hold(a, b);
  if (strcmp(what, "touch") == 0) return touch(a, b);
  if (strcmp(what, "unlink") == 0) return check("unlink", unlink(a));
  if (strcmp(what, "size") == 0) return check("truncate", truncate(a, atoll(b)));
  if (strcmp(what, "times") == 0) return times(a);
  if (strcmp(what, "now") == 0) return now();
  return 2;
}
