// commits FILE COUNT full|normal: commits of one small row each, as SQLite does them with a write-ahead
// log. Prints commits a second.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  int count = atoi(argv[2]);
  sqlite3* db;
  if (sqlite3_open(argv[1], &db) != SQLITE_OK) return 1;
  char pragmas[256];
  snprintf(pragmas, sizeof pragmas,
           "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=%s;"
           "CREATE TABLE t(k INTEGER PRIMARY KEY, id BLOB, text BLOB)",
           argv[3]);
  sqlite3_exec(db, pragmas, NULL, NULL, NULL);
  sqlite3_stmt* insert;
  if (sqlite3_prepare_v2(db, "INSERT INTO t(id, text) VALUES(?, ':')", -1, &insert, NULL)) return 1;
  double begin = now();
  for (int i = 0; i < count; ++i) {
    sqlite3_bind_int(insert, 1, i);
    if (sqlite3_step(insert) != SQLITE_DONE) return 1;
    sqlite3_reset(insert);
  }
  printf("%.1f\n", count / (now() - begin));
  sqlite3_finalize(insert);
  sqlite3_close(db);
  return 0;
}
