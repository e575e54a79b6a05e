#include "mount/xattr.h"

#include <sys/wait.h>

#include <cerrno>
#include <cstring>

#include "base/clock.h"
#include "queue/log_text.h"

namespace filed {
Xattrs job_xattrs(const Job& job, int retries, pid_t pid) {
  Xattrs all;
  auto add = [&](const char* name, std::string value) {
    all.emplace_back(std::string("user.filed.") + name, std::move(value));
  };
  const Outcome& outcome = job.outcome;
  bool active = job.dir == Dir::kActive;

  add("state", std::string(dir_name(job.dir)));
  add("attempt", std::to_string(job.attempts + (active ? 1 : 0)));
  if (outcome.interruptions > 0) add("interrupted", std::to_string(outcome.interruptions));
  add("retries", std::to_string(retries));
  add("submitted", utc_time(job.submitted_ns));
  if (pid != 0) add("pid", std::to_string(pid));
  if (job.refused != 0) add("refused", strerror(job.refused));
  if (outcome.started_ns != 0) add("started", utc_time(outcome.started_ns));
  if (active) return all;

  if (outcome.finished_ns != 0) add("finished", utc_time(outcome.finished_ns));
  if (outcome.wait_status) {
    int status = *outcome.wait_status;
    if (WIFSIGNALED(status)) {
      add("signal", signal_name(WTERMSIG(status)));
    } else {
      add("exit", std::to_string(WEXITSTATUS(status)));
    }
    add("duration_ms", std::to_string((outcome.finished_ns - outcome.started_ns) / kNsPerMs));
    add("cpu_ms", std::to_string(outcome.cpu_us / 1000));
    add("maxrss_kb", std::to_string(outcome.maxrss_kb));
  }
  if (!outcome.cause.empty()) add("last_error", outcome.cause);
  return all;
}

void reply_xattr(fuse_req_t req, const std::string& value, size_t size) {
  if (size == 0) {
    fuse_reply_xattr(req, value.size());
  } else if (size < value.size()) {
    fuse_reply_err(req, ERANGE);
  } else {
    fuse_reply_buf(req, value.data(), value.size());
  }
}

}  // namespace filed
