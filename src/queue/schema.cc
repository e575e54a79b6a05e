// The schema:
//
// jobs         One row a job; its columns are below. jobs_dir lists a directory. jobs_ended finds the
//              jobs that ended first. jobs_claim has the jobs that may be claimed, for each owner in
//              the order in which they run.
// log          The logs in chunks of 64 KiB. The key is the log's number and the chunk's number,
//              so a log is a range of rows and needs no index. `sum` is for a checksum.
// discarded    Logs to be removed when their last reader closes, or at the next start.
// stopped      Attempts that no longer belong to a job, while their processes are being killed; and
//              the jobs that they were of, which wait until the processes are dead.
// parked       Jobs that may be claimed as soon as they are not open for writing any more. They are
//              not in jobs_claim meanwhile.
// owners       The number of each owner's jobs in each directory, and their bytes of text and log. A
//              start and a statfs read it here, because counting rows takes too long. The owner -1
//              has the rows above state.counted_to: see migration.cc.
// state        Numbers of jobs and logs below next_serial may be in use. in_use is 1 from a start
//              to an orderly stop. counted_to is NULL if each row is counted for its owner.
// directories  Mode and owner of directories, if they were changed on the mount.
// launchers    What launchers of this state may have left running if they were killed: the token of
//              each, the place of its cgroups, and the device and inode of the state file then.
// settings     What a user has written to config.ini.
//
// Some columns of jobs are there for what is to come, so that old files are migrated once. They are
// NULL, and take one byte each:
//
// claim          1: in jobs_claim. 0: not. NULL: not since a migration that has not come to this row.
// grp, share     The group of the job, and its share within its owner and group.
// refused        The errno that a writer of the text got: the job must not run.
// interruptions  How often filed or the machine went down while the job ran.
// temporary      The file was created as mkstemp(3) does it, and was not renamed.
// removed        When the job was removed, if it is not swept away yet.
// hook           A command of [hooks] is still to be run for the end of the job.
// sum            A checksum of the row.
//
// The times and numbers of a row stand before its text, because what stands behind a large text is
// slow to read. The columns above are NULL, 0 or 1 nearly always, which are read from the head of
// the row.
#include "queue/schema.h"

namespace filed {
namespace {

// Each string brings the schema one version further. A released string is never edited: a change
// of the schema is a new string.
constexpr const char* kSchema[] = {
    R"(
    CREATE TABLE jobs(
      ino INTEGER PRIMARY KEY,
      id BLOB NOT NULL UNIQUE,
      dir INTEGER NOT NULL,
      ready INTEGER NOT NULL,
      mode INTEGER NOT NULL,
      uid INTEGER NOT NULL,
      gid INTEGER NOT NULL,
      mtime INTEGER NOT NULL,
      atime INTEGER,
      ctime INTEGER,
      submitted INTEGER NOT NULL,
      attempts INTEGER,
      log INTEGER,
      log_size INTEGER,
      wait_status INTEGER,
      cause TEXT,
      started INTEGER,
      finished INTEGER,
      cpu_us INTEGER,
      maxrss_kb INTEGER,
      text BLOB NOT NULL
    );
    CREATE INDEX jobs_dir ON jobs(dir);
    CREATE INDEX jobs_due ON jobs(mtime) WHERE ready;
    CREATE INDEX jobs_ended ON jobs(dir, mtime) WHERE dir >= 2;
    CREATE TABLE log(key INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE TABLE discarded(log INTEGER PRIMARY KEY);
    CREATE TABLE counts(
      pending INTEGER NOT NULL, active INTEGER NOT NULL,
      failed INTEGER NOT NULL, complete INTEGER NOT NULL, ready INTEGER NOT NULL
    );
    INSERT INTO counts VALUES(0, 0, 0, 0, 0);
    CREATE TABLE state(next_serial INTEGER NOT NULL, in_use INTEGER NOT NULL);
    INSERT INTO state VALUES(1000, 0);
    CREATE TABLE directories(
      name TEXT PRIMARY KEY, mode INTEGER NOT NULL, uid INTEGER NOT NULL, gid INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE settings(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    )",
    R"(
    CREATE TABLE stopped(run INTEGER PRIMARY KEY);
    )",
    R"(
    CREATE TABLE launchers(
      token TEXT PRIMARY KEY, place TEXT NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL
    ) WITHOUT ROWID;
    )",
    R"(
    ALTER TABLE stopped ADD COLUMN ino INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE stopped ADD COLUMN id BLOB NOT NULL DEFAULT x'';
    ALTER TABLE stopped ADD COLUMN uid INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE stopped ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
    )",
    // No part of this reads the rows: see migration.cc for what is still to be done to them. CREATE
    // INDEX would read them all. No row has a claim yet, so the index is empty. It is made for an
    // empty table, and then given to jobs. Its columns have the same names there.
    R"(
    ALTER TABLE jobs ADD COLUMN claim INTEGER;
    ALTER TABLE jobs ADD COLUMN grp TEXT;
    ALTER TABLE jobs ADD COLUMN share TEXT;
    ALTER TABLE jobs ADD COLUMN refused INTEGER;
    ALTER TABLE jobs ADD COLUMN interruptions INTEGER;
    ALTER TABLE jobs ADD COLUMN temporary INTEGER;
    ALTER TABLE jobs ADD COLUMN removed INTEGER;
    ALTER TABLE jobs ADD COLUMN hook INTEGER;
    ALTER TABLE jobs ADD COLUMN sum INTEGER;
    ALTER TABLE log ADD COLUMN sum INTEGER;
    CREATE TABLE no_jobs(uid, grp, share, mtime, claim);
    CREATE INDEX jobs_claim ON no_jobs(uid, grp, share, mtime) WHERE claim;
    PRAGMA writable_schema = ON;
    UPDATE sqlite_master SET tbl_name = 'jobs',
      sql = 'CREATE INDEX jobs_claim ON jobs(uid, grp, share, mtime) WHERE claim'
      WHERE name = 'jobs_claim';
    PRAGMA writable_schema = RESET;
    DROP TABLE no_jobs;
    CREATE TABLE parked(ino INTEGER PRIMARY KEY);
    CREATE TABLE owners(
      uid INTEGER PRIMARY KEY,
      pending INTEGER NOT NULL, active INTEGER NOT NULL,
      failed INTEGER NOT NULL, complete INTEGER NOT NULL, ready INTEGER NOT NULL,
      bytes INTEGER NOT NULL
    );
    INSERT INTO owners SELECT -1, pending, active, failed, complete, ready, 0 FROM counts;
    DROP TABLE counts;
    ALTER TABLE state ADD COLUMN counted_to INTEGER;
    UPDATE state SET counted_to = 0;
    )",
};

}  // namespace

std::span<const char* const> schema_steps() { return kSchema; }

}  // namespace filed
