#include "queue/hooks.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/log.h"
#include "queue/agenda.h"
#include "queue/log_text.h"
#include "queue/stored_log.h"

namespace filed {
namespace {

constexpr const char* kShell = "/bin/sh";
constexpr size_t kMaxOutput = 200;  // bytes of a failed command's output that the log shows

// The exit status as a shell's $? gives it.
int exit_number(const Outcome& outcome) {
  if (!outcome.wait_status) return 127;  // there was no process
  int status = *outcome.wait_status;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Hooks::Hooks(Store& store, Launcher& launcher, const Clock& clock, std::string mount_dir)
    : store_(store), launcher_(launcher), clock_(clock), mount_dir_(std::move(mount_dir)) {}

void Hooks::job_ended(const Job& job) {
  bool failed = job.dir == Dir::kFailed;
  const std::string& command = failed ? settings_.on_failure : settings_.on_complete;
  if (command.empty()) return;
  if (waiting_.size() >= kMaxWaiting) {
    if (!dropping_) log_warning("hooks: more than %zu waiting; new ones are dropped", kMaxWaiting);
    dropping_ = true;
    return;
  }
  waiting_.push_back({failed ? "on_failure" : "on_complete", command, job});
  start_waiting();
}

void Hooks::start_waiting() {
  while (!waiting_.empty() && running_.size() < kMaxRunning) {
    Hook hook = std::move(waiting_.front());
    waiting_.pop_front();
    if (int error = start(hook)) {
      log_warning("job %s: %s: cannot start: %s", escaped(hook.job.id).c_str(), hook.name,
                  strerror(error));
    }
  }
  if (waiting_.empty()) dropping_ = false;
}

int Hooks::start(Hook hook) {
  const Job& job = hook.job;
  auto input = std::make_shared<Fd>(memfd_create("filed-log", MFD_CLOEXEC));
  if (!*input) return errno;
  if (int error = copy_log(job, input->get())) return error;

  StartRequest request;
  request.attempt = static_cast<AttemptId>(store_.next_sequence_number());
  request.hook = true;
  request.id = job.id;
  request.text = hook.command;
  request.shell = kShell;
  request.env = {{"FILED_STATE", std::string(dir_name(job.dir))},
                 {"FILED_EXIT", std::to_string(exit_number(job.outcome))},
                 {"FILED_CAUSE", job.outcome.cause},
                 {"FILED_ATTEMPTS", std::to_string(job.attempts)},
                 {"FILED_LOG", mount_dir_ + '/' + std::string(dir_name(job.dir)) + '/' + job.id}};
  request.input = std::move(input);
  running_[request.attempt] = {std::move(hook), "", clock_.mono_ns() + kTimeoutNs};
  launcher_.start(request);
  return 0;
}

// The log may have been removed with its job: then the command's input is empty.
int Hooks::copy_log(const Job& job, int fd) {
  StoredLog log(store_, job.log);
  std::string piece;
  for (int64_t done = 0; done < job.log_size; done += static_cast<int64_t>(piece.size())) {
    if (int error = log.read(done, Store::kChunkSize, piece)) return error;
    if (piece.empty()) break;
    if (write(fd, piece.data(), piece.size()) != static_cast<ssize_t>(piece.size())) {
      return errno != 0 ? errno : EIO;
    }
  }
  return lseek(fd, 0, SEEK_SET) < 0 ? errno : 0;
}

void Hooks::report(const Running& running, const std::string& cause) {
  std::string output = running.output.empty() ? "" : ": " + escaped(running.output);
  log_warning("job %s: %s: %s%s", escaped(running.hook.job.id).c_str(), running.hook.name,
              cause.c_str(), output.c_str());
}

void Hooks::start_failed(AttemptId id, const StartFailure& failure) {
  report(running_[id], "could not start: " + failure.step + ": " + strerror(failure.error));
  forget(id);
}

void Hooks::output(AttemptId id, std::string_view bytes) {
  std::string& output = running_[id].output;
  output += bytes.substr(0, kMaxOutput - std::min(output.size(), kMaxOutput));
}

// Another command takes its place, and its end is told to nobody.
void Hooks::undying(AttemptId id, pid_t pid, char state) {
  report(running_[id], "does not die: PID " + std::to_string(pid) + ", state " + state);
  forget(id);
}

void Hooks::exited(AttemptId id, const AttemptExit& exit) {
  std::string cause = wait_status_cause(exit.wait_status);
  if (!cause.empty()) report(running_[id], cause);
  forget(id);
}

void Hooks::forget(AttemptId id) {
  running_.erase(id);
  start_waiting();
}

void Hooks::run_deadlines(int64_t now_ns) {
  for (auto& [id, running] : running_) {
    if (!reached(running.deadline_ns, now_ns)) continue;
    running.deadline_ns.reset();
    log_warning("job %s: %s: takes too long, killed", escaped(running.hook.job.id).c_str(),
                running.hook.name);
    launcher_.kill(id);
  }
}

std::optional<int64_t> Hooks::next_deadline_ns() const {
  std::optional<int64_t> next;
  for (const auto& [id, running] : running_) next = earlier(next, running.deadline_ns);
  return next;
}

void Hooks::stop(int64_t deadline_ns) {
  if (!waiting_.empty()) log_warning("%zu commands of [hooks] are left out", waiting_.size());
  waiting_.clear();
  for (auto& [id, running] : running_) {
    if (running.deadline_ns) running.deadline_ns = std::min(*running.deadline_ns, deadline_ns);
  }
}

}  // namespace filed
