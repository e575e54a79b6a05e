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

Hooks::Hooks(const Core& core, Launcher& launcher, std::string mount_dir)
    : core_(core), launcher_(launcher), mount_dir_(std::move(mount_dir)) {}

void Hooks::job_ended(const Job& job) {
  bool failed = job.dir == Dir::kFailed;
  const std::string& command = failed ? settings_.on_failure : settings_.on_complete;
  if (command.empty()) return;
  Waiting& of_owner = waiting_[job.uid];
  if (of_owner.hooks.size() >= kMaxWaiting) {
    if (++of_owner.dropped > 1) return;
    log_warning("hooks: more than %zu of owner %u wait; new ones are dropped", kMaxWaiting,
                static_cast<unsigned>(job.uid));
    return;
  }
  of_owner.hooks.push_back({failed ? "on_failure" : "on_complete", command, job});
  shares_.set_due(job.uid, true);
  start_waiting();
}

// The owner whose command may start now.
std::optional<uid_t> Hooks::next_owner() const {
  std::optional<uid_t> uid = shares_.next();
  if (!uid || running_.size() < kMaxRunning) return uid;
  bool has_none = shares_.running(*uid) == 0;
  return has_none && running_.size() < kMaxRunningOfAll ? uid : std::nullopt;
}

// The owner's next command.
Hooks::Hook Hooks::take_next(uid_t uid) {
  auto of_owner = waiting_.find(uid);
  Waiting& waiting = of_owner->second;
  Hook hook = std::move(waiting.hooks.front());
  waiting.hooks.pop_front();
  if (!waiting.hooks.empty()) return hook;
  if (waiting.dropped > 0) {
    log_warning("hooks: %lld of owner %u were dropped", static_cast<long long>(waiting.dropped),
                static_cast<unsigned>(uid));
  }
  waiting_.erase(of_owner);
  shares_.set_due(uid, false);
  return hook;
}

void Hooks::start_waiting() {
  while (std::optional<uid_t> uid = next_owner()) {
    Hook hook = take_next(*uid);
    if (int error = start(hook)) {
      report(hook.job, hook.name, std::string("cannot start: ") + strerror(error));
    }
  }
}

int Hooks::start(const Hook& hook) {
  const Job& job = hook.job;
  auto input = std::make_shared<Fd>(memfd_create("filed-log", MFD_CLOEXEC));
  if (!*input) return errno;
  if (int error = copy_log(job, input->get())) return error;

  StartRequest request;
  request.attempt = static_cast<AttemptId>(core_.store.next_sequence_number());
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
  shares_.start(job.uid);
  running_[request.attempt] = {hook, "", core_.clock.mono_ns() + kTimeoutNs};
  launcher_.start(request);
  return 0;
}

// The log may have been removed with its job: then the command's input is empty.
int Hooks::copy_log(const Job& job, int fd) {
  StoredLog log(core_.store, job.log);
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

void Hooks::report(const Job& job, const char* name, const std::string& cause) {
  if (!core_.owner_log.admits(job.uid, LogLevel::kWarning)) return;
  log_warning("job %s: %s: %s", escaped(job.id).c_str(), name, cause.c_str());
}

void Hooks::report(const Running& running, const std::string& cause) {
  std::string output = running.output.empty() ? "" : ": " + escaped(running.output);
  report(running.hook.job, running.hook.name, cause + output);
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
  auto running = running_.find(id);
  shares_.add_running(running->second.hook.job.uid, -1);
  running_.erase(running);
  start_waiting();
}

void Hooks::run_deadlines(int64_t now_ns) {
  for (auto& [id, running] : running_) {
    if (!reached(running.deadline_ns, now_ns)) continue;
    running.deadline_ns.reset();
    report(running.hook.job, running.hook.name, "takes too long, killed");
    launcher_.kill(id);
  }
}

std::optional<int64_t> Hooks::next_deadline_ns() const {
  std::optional<int64_t> next;
  for (const auto& [id, running] : running_) next = earlier(next, running.deadline_ns);
  return next;
}

void Hooks::stop(int64_t deadline_ns) {
  size_t left_out = 0;
  for (const auto& [uid, waiting] : waiting_) {
    left_out += waiting.hooks.size();
    shares_.set_due(uid, false);
  }
  if (left_out > 0) log_warning("%zu commands of [hooks] are left out", left_out);
  waiting_.clear();
  for (auto& [id, running] : running_) {
    if (running.deadline_ns) running.deadline_ns = std::min(*running.deadline_ns, deadline_ns);
  }
}

}  // namespace filed
