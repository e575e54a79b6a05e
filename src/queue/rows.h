// The columns of the table jobs: SQL, reading and binding, all made from one list in rows.cc. To
// store one more field of a job, add a row to that list and a schema step in schema.cc.
#pragma once

#include <string>
#include <string_view>

#include "queue/job.h"
#include "queue/statement.h"

namespace filed {

// --- SQL

// What a SELECT names to get a whole job: everything but the text itself.
std::string job_columns();
// Parameters: those of bind_new_job().
std::string insert_job_sql();
// Parameters: those of bind_job(), then the inode number.
std::string update_job_sql();
// The same with a new text. Parameters: those of bind_job(), then the text and the inode number.
std::string update_job_and_text_sql();

// --- one execution

// Reads the columns of job_columns(). Returns the index of the first column after them.
int read_job(const Statement::Use& row, Job& job);
// Binds the columns that may change after the job was made.
void bind_job(Statement::Use& use, const Job& job);
// Binds all columns. `text` must live as long as `use`.
void bind_new_job(Statement::Use& use, const Job& job, std::string_view text);

}  // namespace filed
