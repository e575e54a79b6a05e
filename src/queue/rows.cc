// Two kinds of columns:
//
//   kind      written at
//   kFixed    insertion   the inode number, the time of submission
//   kChanges  any change
//
// The text stands apart: it is written by insertion and by a change of the text, and is large, so
// only its length is read with a job.
#include "queue/rows.h"

namespace filed {
namespace {

using Use = Statement::Use;

enum class Kind { kFixed, kChanges };

struct Column {
  const char* name;
  Kind kind;
  void (*bind)(Use& use, const Job& job);
  void (*read)(const Use& row, int index, Job& job);
};

// Most times equal the time of submission; NULL stands for it and takes no space.
void bind_time(Use& use, int64_t time_ns, const Job& job) {
  time_ns == job.submitted_ns ? use.bind_null() : use.bind(time_ns);
}

int64_t read_time(const Use& row, int index, const Job& job) {
  return row.is_null(index) ? job.submitted_ns : row.integer(index);
}

constexpr Column kColumns[] = {
    {"ino", Kind::kFixed, [](Use& use, const Job& job) { use.bind(job.ino); },
     [](const Use& row, int index, Job& job) { job.ino = row.integer(index); }},
    // Before the times that are compared with it.
    {"submitted", Kind::kFixed, [](Use& use, const Job& job) { use.bind(job.submitted_ns); },
     [](const Use& row, int index, Job& job) { job.submitted_ns = row.integer(index); }},
    {"id", Kind::kChanges, [](Use& use, const Job& job) { use.bind_blob(job.id); },
     [](const Use& row, int index, Job& job) { job.id = row.bytes(index); }},
    {"dir", Kind::kChanges,
     [](Use& use, const Job& job) { use.bind(static_cast<int64_t>(job.dir)); },
     [](const Use& row, int index, Job& job) { job.dir = static_cast<Dir>(row.integer(index)); }},
    // NULL in a row that the migration has not come to. `ready` was its name before: see schema.cc.
    {"claim", Kind::kChanges, [](Use& use, const Job& job) { use.bind(job.claimable()); },
     [](const Use& row, int index, Job& job) {
       job.parked = !row.is_null(index) && row.integer(index) == 0;
     }},
    {"mode", Kind::kChanges, [](Use& use, const Job& job) { use.bind(job.mode); },
     [](const Use& row, int index, Job& job) {
       job.mode = static_cast<mode_t>(row.integer(index));
     }},
    {"uid", Kind::kChanges, [](Use& use, const Job& job) { use.bind(job.uid); },
     [](const Use& row, int index, Job& job) { job.uid = static_cast<uid_t>(row.integer(index)); }},
    {"gid", Kind::kChanges, [](Use& use, const Job& job) { use.bind(job.gid); },
     [](const Use& row, int index, Job& job) { job.gid = static_cast<gid_t>(row.integer(index)); }},
    {"mtime", Kind::kChanges, [](Use& use, const Job& job) { use.bind(job.mtime_ns); },
     [](const Use& row, int index, Job& job) { job.mtime_ns = row.integer(index); }},
    {"atime", Kind::kChanges, [](Use& use, const Job& job) { bind_time(use, job.atime_ns, job); },
     [](const Use& row, int index, Job& job) { job.atime_ns = read_time(row, index, job); }},
    {"ctime", Kind::kChanges, [](Use& use, const Job& job) { bind_time(use, job.ctime_ns, job); },
     [](const Use& row, int index, Job& job) { job.ctime_ns = read_time(row, index, job); }},
    {"attempts", Kind::kChanges, [](Use& use, const Job& job) { use.bind_or_null(job.attempts); },
     [](const Use& row, int index, Job& job) {
       job.attempts = static_cast<int>(row.integer(index));
     }},
    {"log", Kind::kChanges, [](Use& use, const Job& job) { use.bind_or_null(job.log); },
     [](const Use& row, int index, Job& job) { job.log = row.integer(index); }},
    {"log_size", Kind::kChanges, [](Use& use, const Job& job) { use.bind_or_null(job.log_size); },
     [](const Use& row, int index, Job& job) { job.log_size = row.integer(index); }},
    {"wait_status", Kind::kChanges,
     [](Use& use, const Job& job) {
       const auto& status = job.outcome.wait_status;
       status ? use.bind(*status) : use.bind_null();
     },
     [](const Use& row, int index, Job& job) {
       job.outcome.wait_status.reset();
       if (!row.is_null(index)) job.outcome.wait_status = static_cast<int>(row.integer(index));
     }},
    {"cause", Kind::kChanges,
     [](Use& use, const Job& job) {
       const std::string& cause = job.outcome.cause;
       cause.empty() ? use.bind_null() : use.bind_text(cause);
     },
     [](const Use& row, int index, Job& job) { job.outcome.cause = row.bytes(index); }},
    {"started", Kind::kChanges,
     [](Use& use, const Job& job) { use.bind_or_null(job.outcome.started_ns); },
     [](const Use& row, int index, Job& job) { job.outcome.started_ns = row.integer(index); }},
    {"finished", Kind::kChanges,
     [](Use& use, const Job& job) { use.bind_or_null(job.outcome.finished_ns); },
     [](const Use& row, int index, Job& job) { job.outcome.finished_ns = row.integer(index); }},
    {"cpu_us", Kind::kChanges,
     [](Use& use, const Job& job) { use.bind_or_null(job.outcome.cpu_us); },
     [](const Use& row, int index, Job& job) { job.outcome.cpu_us = row.integer(index); }},
    {"maxrss_kb", Kind::kChanges,
     [](Use& use, const Job& job) { use.bind_or_null(job.outcome.maxrss_kb); },
     [](const Use& row, int index, Job& job) { job.outcome.maxrss_kb = row.integer(index); }},
    {"refused", Kind::kChanges, [](Use& use, const Job& job) { use.bind_or_null(job.refused); },
     [](const Use& row, int index, Job& job) {
       job.refused = static_cast<int>(row.integer(index));
     }},
    {"interruptions", Kind::kChanges,
     [](Use& use, const Job& job) { use.bind_or_null(job.outcome.interruptions); },
     [](const Use& row, int index, Job& job) {
       job.outcome.interruptions = static_cast<int>(row.integer(index));
     }},
};

std::string changeable_columns() {
  std::string sql;
  for (const Column& column : kColumns) {
    if (column.kind == Kind::kFixed) continue;
    if (!sql.empty()) sql += ", ";
    sql += std::string(column.name) + " = ?";
  }
  return sql + ", ready = 0";
}

}  // namespace

std::string job_columns() {
  std::string sql;
  for (const Column& column : kColumns) sql += std::string(column.name) + ", ";
  return sql + "length(text)";
}

std::string insert_job_sql() {
  std::string names;
  std::string values;
  for (const Column& column : kColumns) {
    names += std::string(column.name) + ", ";
    values += "?, ";
  }
  return "INSERT INTO jobs(" + names + "ready, text) VALUES(" + values + "0, ?)";
}

std::string update_job_sql() {
  return "UPDATE jobs SET " + changeable_columns() + " WHERE ino = ?";
}

std::string update_job_and_text_sql() {
  return "UPDATE jobs SET " + changeable_columns() + ", text = ? WHERE ino = ?";
}

int read_job(const Use& row, Job& job) {
  int index = 0;
  for (const Column& column : kColumns) column.read(row, index++, job);
  job.text_size = row.integer(index++);
  job.parked = job.parked && job.runnable();
  job.removed = false;
  return index;
}

void bind_job(Use& use, const Job& job) {
  for (const Column& column : kColumns) {
    if (column.kind != Kind::kFixed) column.bind(use, job);
  }
}

void bind_new_job(Use& use, const Job& job, std::string_view text) {
  for (const Column& column : kColumns) column.bind(use, job);
  use.bind_blob(text);
}

}  // namespace filed
