// What the jobs of the torture test run:
//
//	torture-job DIR JOB TOKEN LENGTH CRC LINES MS KIND STATUS
//
// It appends to DIR/runs a line for each thing that it finds, in one write each:
//
//	S TOKEN PID    the text has started to run
//	T TOKEN PID    the text is torn: its length, or the checksum from its empty line on, is another
//	D TOKEN PID    doubled: a process of another attempt of the same job still lives
//	L TOKEN PID    that process was left on purpose
//	Q TOKEN PID    the attempt ends by itself
//
// PID is that of the text's shell, but for L. Then it prints LINES lines, spread over MS milliseconds, and
// ends with STATUS. The processes that it leaves behind depend on KIND: `plain` none; `family` two in its
// session; `tree` one in its session, one outside of it, and an orphan of that; `service` one that has left
// on purpose. Each of the others holds a lock on DIR/JOB.lock, and adds to DIR/effects/TOKEN.PID as long as
// it lives.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kLongestText = 1 << 20, kLifeSeconds = 300, kLockMs = 5000, kActMs = 10 };

static int runs, effects, locked;
static const char *token;

static void note(char what, pid_t pid) {
  char line[128];
  int size = snprintf(line, sizeof line, "%c %s %d\n", what, token, (int)pid);
  if (write(runs, line, (size_t)size) != size) _exit(99);
}

// An effect that can be seen after the attempt's end.
static void act(void) {
  if (write(effects, "x", 1) != 1) _exit(97);
}

static void pause_ms(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&time, &time) != 0 && errno == EINTR) {
  }
}

static void act_for_ms(long ms) {
  for (act(); ms > 0; ms -= kActMs, act()) pause_ms(ms < kActMs ? ms : kActMs);
}

// The whole of a file that tells no size.
static size_t slurp(int fd, char *buffer, size_t size) {
  size_t got = 0;
  ssize_t n;
  while (got < size && (n = pread(fd, buffer + got, size - got, (off_t)got)) > 0) got += (size_t)n;
  return got;
}

// The text that our shell was given: its third argument, or descriptor 3.
static const char *find_text(size_t *size) {
  static char buffer[kLongestText + 4096];
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/cmdline", (int)getppid());
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  size_t got = fd < 0 ? 0 : slurp(fd, buffer, sizeof buffer);
  close(fd);
  char *option = memchr(buffer, '\0', got);
  if (option != NULL && strcmp(option + 1, "-c") == 0) {
    char *text = option + 1 + strlen("-c") + 1;
    *size = got - (size_t)(text - buffer) - 1;
    return text;
  }
  *size = slurp(3, buffer, sizeof buffer);
  return buffer;
}

// As zlib's.
static uint32_t crc32(const char *bytes, size_t size) {
  uint32_t crc = ~0U;
  for (size_t i = 0; i < size; ++i) {
    crc ^= (unsigned char)bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
  }
  return ~crc;
}

static int is_whole(size_t length, uint32_t crc) {
  size_t size;
  const char *text = find_text(&size);
  const char *rest = memmem(text, size, "\n\n", 2);
  // The shell may have been killed meanwhile, and our parent be another.
  if (memmem(text, size, "torture-job", strlen("torture-job")) == NULL) return 1;
  return size == length && rest != NULL && crc32(rest, size - (size_t)(rest - text)) == crc;
}

static void lock(const char *dir, const char *job) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.lock", dir, job);
  locked = open(path, O_RDWR | O_CREAT, 0666);  // for the children, too
  // Those that were sent SIGKILL may need a moment.
  for (int ms = 0; flock(locked, LOCK_EX | LOCK_NB) != 0; ms += 10) {
    if (ms >= kLockMs) {
      note('D', getppid());
      return;
    }
    pause_ms(10);
  }
}

// A child that lives until it is killed or is told, by a byte in the pipe, that its attempt ends well.
static void leave_child(const int pipe_ends[2], int leaves_session) {
  if (fork() != 0) return;
  if (leaves_session) setsid();
  alarm(kLifeSeconds);
  close(pipe_ends[1]);
  struct pollfd end = {pipe_ends[0], POLLIN, 0};
  for (;;) {
    char told;
    if (poll(&end, 1, kActMs) > 0) {
      if (read(pipe_ends[0], &told, 1) == 1) _exit(0);
      end.fd = -1;  // its writer is dead, so this one is to be killed
    }
    act();
  }
}

static void leave_orphan(const int pipe_ends[2]) {
  pid_t parent = fork();
  if (parent == 0) {
    leave_child(pipe_ends, 1);
    _exit(0);
  }
  waitpid(parent, NULL, 0);
}

// As a daemon: an orphan in a session of its own. Returns when it has noted itself.
static void leave_service(const int pipe_ends[2]) {
  pid_t parent = fork();
  if (parent == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    close(locked);
    alarm(kLifeSeconds);
    note('L', getpid());
    if (write(pipe_ends[1], "u", 1) != 1) _exit(97);
    for (;;) pause();
  }
  char up;
  waitpid(parent, NULL, 0);
  if (read(pipe_ends[0], &up, 1) != 1) _exit(99);
}

int main(int argc, char **argv) {
  if (argc != 10) return 2;
  const char *dir = argv[1], *job = argv[2], *kind = argv[8];
  token = argv[3];
  long lines = atol(argv[6]), ms = atol(argv[7]);
  char path[4096];
  snprintf(path, sizeof path, "%s/runs", dir);
  runs = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (runs < 0) return 99;
  pid_t shell = getppid();
  snprintf(path, sizeof path, "%s/effects/%s.%d", dir, token, (int)shell);
  effects = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (effects < 0) return 99;
  note('S', shell);
  if (!is_whole((size_t)atol(argv[4]), (uint32_t)strtoul(argv[5], NULL, 10))) note('T', shell);
  lock(dir, job);

  int is_tree = strcmp(kind, "tree") == 0;
  int is_service = strcmp(kind, "service") == 0;
  int ends[2] = {-1, -1};
  if (strcmp(kind, "plain") != 0) {
    if (pipe2(ends, O_CLOEXEC) != 0) return 99;
    if (is_service) {
      leave_service(ends);
    } else {
      leave_child(ends, 0);
      leave_child(ends, is_tree);
      if (is_tree) leave_orphan(ends);
    }
  }
  for (long i = 0; i < lines; ++i) {
    char line[256];
    int size = snprintf(line, sizeof line, "%s %ld %064ld\n", token, i, i);
    for (int done = 0; done < size;) {
      ssize_t n = write(1, line + done, (size_t)(size - done));
      if (n < 0) return 98;
      done += (int)n;
    }
    if (ms > 0) act_for_ms(ms / lines);
  }
  if (lines == 0) act_for_ms(ms);
  // A process that has left the session lives on when an attempt ends by itself. filed has to kill
  // the others.
  if (is_tree && write(ends[1], "qqq", 3) != 3) return 99;
  note('Q', shell);
  return atoi(argv[9]);
}
