// Helpers of the tests of the store and its parts.
#pragma once

#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/error.h"
#include "catch.h"
#include "queue/store.h"
#include "temp_dir.h"

namespace filed {

inline Job job_of(Store& store, const std::string& id, Dir dir = Dir::kPending, int64_t mtime = 5) {
  Job job;
  job.ino = store.next_sequence_number();
  job.id = id;
  job.dir = dir;
  job.mode = 0640;
  job.uid = 1000;
  job.gid = 100;
  job.text_size = 4;
  job.mtime_ns = mtime;
  job.atime_ns = job.ctime_ns = job.submitted_ns = 3;
  return job;
}

inline Job add(Store& store, const std::string& id, Dir dir = Dir::kPending, int64_t mtime = 5) {
  Job job = job_of(store, id, dir, mtime);
  REQUIRE(store.insert(job, "text") == 0);
  return job;
}

inline bool has(const Store& store, const std::string& id) {
  bool found = false;
  REQUIRE(store.has_id(id, found) == 0);
  return found;
}

inline std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Copies the files while the store is still open. A crash would leave the same files.
inline std::string copy_of(const TempDir& dir, const std::string& name) {
  std::string copy = dir.file("copy-of-" + name);
  for (const char* suffix : {"", "-wal"}) {
    std::error_code error;
    std::filesystem::copy_file(dir.file(name) + suffix, copy + suffix,
                               std::filesystem::copy_options::overwrite_existing, error);
  }
  return copy;
}

// A connection of the test. Returns the rows, one a line, with the columns joined.
class Sql {
 public:
  explicit Sql(const std::string& path) { REQUIRE(sqlite3_open(path.c_str(), &db_) == SQLITE_OK); }
  ~Sql() { sqlite3_close(db_); }
  std::string operator()(const std::string& sql) {
    std::string result;
    char* error = nullptr;
    sqlite3_exec(
        db_, sql.c_str(),
        [](void* to, int columns, char** values, char**) {
          for (int i = 0; i < columns; ++i) {
            *static_cast<std::string*>(to) += values[i] == nullptr ? "NULL" : values[i];
          }
          *static_cast<std::string*>(to) += '\n';
          return 0;
        },
        &result, &error);
    INFO(sql << ": " << (error ? error : ""));
    REQUIRE(error == nullptr);
    return result;
  }

 private:
  sqlite3* db_ = nullptr;
};

}  // namespace filed
