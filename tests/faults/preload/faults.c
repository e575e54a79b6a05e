// For LD_PRELOAD: makes the disk fail and the clock step for one process, as files tell.
//
//	$FILED_FAULTS/disk    an errno: writes and syncs of filed.db and filed.db-wal fail with it;
//	                      and a second word, if reads are to fail, too
//	$FILED_FAULTS/clock   seconds that are added to the wall clock
//
// They are read at each call. That timers see a clock that was set cannot be shown in this way: their
// time is taken over, but nobody is woken by the step.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#undef pread
#undef pwrite
#undef pread64
#undef pwrite64
#undef ftruncate
#undef ftruncate64

static int told(const char *what, char *words, size_t size) {
  const char *dir = getenv("FILED_FAULTS");
  char path[4096];
  if (dir == NULL) return 0;
  snprintf(path, sizeof path, "%s/%s", dir, what);
  long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t got = read((int)fd, words, size - 1);
  close((int)fd);
  words[got > 0 ? got : 0] = '\0';
  return got > 0;
}

static int fails(int fd, int is_read) {
  char words[64], link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0) return 0;
  path[size] = '\0';
  if (strstr(path, "/filed.db") == NULL || !told("disk", words, sizeof words)) return 0;
  if (is_read && strchr(words, ' ') == NULL) return 0;
  errno = atoi(words);
  return 1;
}

ssize_t pread(int fd, void *bytes, size_t size, off_t at) {
  return fails(fd, 1) ? -1 : syscall(SYS_pread64, fd, bytes, size, at);
}
ssize_t pread64(int fd, void *bytes, size_t size, off_t at) { return pread(fd, bytes, size, at); }

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
  return fails(fd, 0) ? -1 : syscall(SYS_pwrite64, fd, bytes, size, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off_t at) {
  return pwrite(fd, bytes, size, at);
}

int ftruncate(int fd, off_t size) {
  return fails(fd, 0) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

int fsync(int fd) { return fails(fd, 0) ? -1 : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return fails(fd, 0) ? -1 : (int)syscall(SYS_fdatasync, fd); }

static long step(void) {
  char words[64];
  return told("clock", words, sizeof words) ? atol(words) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = (int)syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += step();
  return result;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *before) {
  struct itimerspec real = *when;
  int is_set = real.it_value.tv_sec != 0 || real.it_value.tv_nsec != 0;
  if ((flags & TFD_TIMER_ABSTIME) && is_set) {
    real.it_value.tv_sec -= step();
    if (real.it_value.tv_sec < 0) real.it_value = (struct timespec){0, 1};
  }
  return (int)syscall(SYS_timerfd_settime, fd, flags, &real, before);
}
