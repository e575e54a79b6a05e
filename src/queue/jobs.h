// What jobs there are and what their files show: the rows of the store, corrected by what is only
// in memory. Stages nothing.
//
// Four things are only in memory. A new job has no row until its first text is stored. A removed
// job has none, but may still be open. The size and the mtime of a pending job that is being written
// are those of its upload. The size and the mtime of an active job are those of its attempt's log.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "queue/attempts.h"
#include "queue/core.h"
#include "queue/job.h"
#include "queue/open_files.h"
#include "queue/uploads.h"

namespace filed {

class Jobs {
 public:
  Jobs(const Core& core, OpenFiles& open_files, const Uploads& uploads, const Attempts& attempts)
      : store_(core.store), open_files_(open_files), uploads_(uploads), attempts_(attempts) {}

  // A job by its inode number; also one that was removed and is still open. ENOENT.
  int get(int64_t ino, Job& job) const;
  // A job by directory and id. ENOENT, ENAMETOOLONG.
  int find(Dir dir, std::string_view id, Job& job) const;
  // The jobs of a directory with inode numbers above `after`, in their order, until `row` returns
  // false. With `names_only` a job has only its inode number, id and directory.
  int list(Dir dir, int64_t after, const std::function<bool(const Job&)>& row,
           bool names_only = false) const;
  Counts counts() const;

  int id_in_use(std::string_view id, bool& used) const;
  // 0 if no job but `except_ino` has this id; else EEXIST, EINVAL if it is empty, ENAMETOOLONG.
  int check_new_id(std::string_view id, int64_t except_ino) const;

  // Lays what only memory knows over a row of the store.
  void overlay(Job& job) const;

  // Bytes of what an open file shows; fewer at the end. ESTALE if the text of a removed job could
  // not be kept.
  int read(OpenJob& file, int64_t offset, int64_t size, std::string& bytes) const;

 private:
  int read_log(OpenJob& file, int64_t offset, int64_t size, std::string& bytes) const;

  const StoreReader& store_;
  OpenFiles& open_files_;
  const Uploads& uploads_;
  const Attempts& attempts_;
};

}  // namespace filed
