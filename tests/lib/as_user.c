// as_user WHO COMMAND…: runs the command as that user, with the user's groups and nothing of root's. WHO is a
// name, or UID:GID, which then has no other groups.
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  uid_t uid;
  gid_t gid;
  char *colon = strchr(argv[1], ':');
  if (colon != NULL) {
    uid = (uid_t)strtoul(argv[1], NULL, 10);
    gid = (gid_t)strtoul(colon + 1, NULL, 10);
    if (setgroups(0, NULL) != 0) return perror("setgroups"), 126;
  } else {
    struct passwd *entry = getpwnam(argv[1]);
    if (entry == NULL) return fprintf(stderr, "as: no user %s\n", argv[1]), 126;
    uid = entry->pw_uid;
    gid = entry->pw_gid;
    if (initgroups(argv[1], gid) != 0) return perror("initgroups"), 126;
    setenv("HOME", entry->pw_dir, 1);
    setenv("USER", argv[1], 1);
  }
  if (setgid(gid) != 0 || setuid(uid) != 0) return perror("setuid"), 126;
  execvp(argv[2], argv + 2);
  perror(argv[2]);
  return 127;
}
