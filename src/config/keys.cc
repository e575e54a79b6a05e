// The table of all settings: one row for each key of the configuration.
//
// To add a setting: a member in settings.h, a row here, and its lines in openrc/filed.conf and
// filed.conf(5). A limit of a job's processes also needs a row in launcher/limits.cc, which says
// how it is applied. Tests loop over the rows and find what is missing.
#include "config/keys.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "config/codecs.h"

namespace filed {
namespace {

// Larger values are probably typing errors.
constexpr int kMaxRetries = 1'000'000;
constexpr int kMaxBackoffFactor = 1000;
constexpr int64_t kMaxOutputLimit = int64_t{64} << 30;
constexpr int64_t kMaxJobSizeLimit = int64_t{64} << 20;
constexpr int64_t kMaxUploadLimit = int64_t{16} << 30;
constexpr int64_t kMaxSize = int64_t{1} << 50;
constexpr int64_t kMaxCount = 1 << 30;

// The type of a setting, without the optional of one that may stay unset.
template <typename T>
struct Plain {
  using Type = T;
};
template <typename T>
struct Plain<std::optional<T>> {
  using Type = T;
};

template <auto Group, auto Member, typename Codec>
bool parse_member(std::string_view text, Settings& settings, std::string& reason) {
  auto value = Codec::parse(text, reason);
  if (!value) return false;
  auto& member = settings.*Group.*Member;
  member = static_cast<typename Plain<std::remove_reference_t<decltype(member)>>::Type>(
      *std::move(value));
  return true;
}

template <auto Group, auto Member, typename Codec>
std::string print_member(const Settings& settings) {
  const auto& member = settings.*Group.*Member;
  if constexpr (requires { member.has_value(); }) {
    return member ? Codec::print(*member) : std::string();
  } else {
    return Codec::print(member);
  }
}

template <auto Group, auto Member, typename Codec>
bool parse_element(std::string_view text, Settings& settings, std::string& reason) {
  auto value = Codec::parse(text, reason);
  if (!value) return false;
  (settings.*Group.*Member).push_back(*std::move(value));
  return true;
}

template <auto Group, auto Member>
bool is_same_member(const Settings& a, const Settings& b) {
  return a.*Group.*Member == b.*Group.*Member;
}

template <auto Member>
std::optional<int64_t> limit_member(const LimitSettings& limits) {
  return limits.*Member;
}

template <typename Codec>
constexpr std::optional<Bounds> bounds_of() {
  if constexpr (requires { Codec::kBounds; }) {
    return Codec::kBounds;
  } else {
    return std::nullopt;
  }
}

// What a row says besides names and types. The scope is the section's unless the row has its own.
struct About {
  std::string_view sample;
  std::string_view help;
  JobValue job = JobValue::kNever;
  std::optional<Scope> scope = std::nullopt;
};

// Makes the rows of one section.
template <auto Group>
struct Section {
  std::string_view name;
  Scope scope;

  template <auto Member, typename Codec>
  constexpr Key key(std::string_view key_name, const About& about) const {
    return {name,
            key_name,
            about.scope.value_or(scope),
            false,
            Codec::kType,
            bounds_of<Codec>(),
            parse_member<Group, Member, Codec>,
            print_member<Group, Member, Codec>,
            is_same_member<Group, Member>,
            nullptr,
            about.job,
            about.sample,
            about.help};
  }

  // A key that repeats.
  template <auto Member, typename Codec>
  constexpr Key list(std::string_view key_name, const About& about) const {
    Key row{};
    row.section = name;
    row.name = key_name;
    row.scope = about.scope.value_or(scope);
    row.repeats = true;
    row.type = Codec::kType;
    row.bounds = bounds_of<Codec>();
    row.parse = parse_element<Group, Member, Codec>;
    row.is_same = is_same_member<Group, Member>;
    row.sample = about.sample;
    row.help = about.help;
    return row;
  }

  // A limit of a job's processes.
  template <auto Member, typename Codec>
  constexpr Key limit(std::string_view key_name, const About& about) const {
    Key row = key<Member, Codec>(key_name, about);
    row.limit = limit_member<Member>;
    return row;
  }
};

constexpr Section<&Settings::queue> kQueue{"queue", Scope::kLive};
constexpr Section<&Settings::mount> kMount{"mount", Scope::kFile};
constexpr Section<&Settings::daemon> kDaemon{"daemon", Scope::kFile};
constexpr Section<&Settings::sandbox> kSandbox{"sandbox", Scope::kFile};
constexpr Section<&Settings::containment> kContainment{"sandbox", Scope::kFile};
constexpr Section<&Settings::limits> kLimits{"limits", Scope::kReload};
constexpr Section<&Settings::hooks> kHooks{"hooks", Scope::kReload};

using Queue = QueueSettings;
using Mount = MountSettings;
using Daemon = DaemonSettings;
using Containment = ContainmentSettings;
using Limits = LimitSettings;
using Hooks = HookSettings;
using enum JobValue;
using enum Scope;

constexpr Key kKeys[] = {
    kQueue.key<&Queue::pause, Choice<kBoolWords>>(
        "pause", {"yes", "Whether no attempt starts; what runs goes on."}),
    kQueue.key<&Queue::workers, Number<0, kMaxWorkers>>(
        "workers", {"8", "How many attempts run at once; 0 pauses the queue."}),
    kQueue.key<&Queue::retries, Number<0, kMaxRetries>>(
        "retries", {"5", "How many further attempts a failed job gets.", kReplace}),
    kQueue.key<&Queue::interruptions, Number<0, kMaxRetries>>(
        "interruptions",
        {"1", "After how many crashes of filed a job fails that ran; 0 is never.", kReplace}),
    kQueue.key<&Queue::backoff_ms, Duration>(
        "backoff", {"5s", "How long a job waits before its first retry.", kReplace}),
    kQueue.key<&Queue::backoff_factor, Fraction<1, kMaxBackoffFactor>>(
        "backoff_factor", {"1.5", "What the wait grows by with each retry.", kReplace}),
    kQueue.key<&Queue::backoff_max_ms, Duration>(
        "backoff_max", {"2h", "The longest wait before a retry.", kReplace}),
    kQueue.key<&Queue::timeout_ms, Duration>(
        "timeout", {"30s", "How long one attempt may take; 0 is for ever.", kReplace}),
    kQueue.key<&Queue::kill_grace_ms, Duration>(
        "kill_grace", {"2s", "Time between SIGTERM and SIGKILL after a timeout."}),
    kQueue.key<&Queue::stop_grace_ms, Duration>(
        "stop_grace", {"1m", "How long running attempts may go on when filed stops."}),
    kQueue.key<&Queue::output_limit, Size<1, kMaxOutputLimit>>(
        "output_limit", {"64K", "How much output of an attempt is kept.", kLower}),
    kQueue.key<&Queue::job_size_limit, Size<1, kMaxJobSizeLimit>>(
        "job_size_limit", {"2M", "The largest text of a job."}),
    kQueue.key<&Queue::upload_limit, Size<1, kMaxUploadLimit>>(
        "upload_limit", {"8M", "How much one user may hold in jobs that are being written."}),
    kQueue.key<&Queue::user_workers, Number<0, kMaxWorkers>>(
        "user_workers", {"2", "How many attempts of one owner run at once; 0 is no cap."}),
    kQueue.key<&Queue::user_jobs, Number<0, kMaxCount>>(
        "user_jobs", {"10000", "How many jobs one owner may have; 0 is no cap."}),
    kQueue.key<&Queue::user_bytes, Size<0, kMaxSize>>(
        "user_bytes", {"1G", "How much disk the jobs of one owner may take; 0 is no cap."}),
    kQueue.key<&Queue::user_open, Number<0, kMaxCount>>(
        "user_open", {"256", "How many job files one user may have open; 0 is no cap."}),
    kQueue.key<&Queue::keep_complete_ms, Duration>(
        "keep_complete", {"7d", "How long complete jobs are kept; 0 is for ever.", kReplace}),
    kQueue.key<&Queue::keep_failed_ms, Duration>(
        "keep_failed", {"30d", "How long failed jobs are kept; 0 is for ever.", kReplace}),
    kQueue.key<&Queue::durability, Choice<kDurabilityWords>>(
        "durability", {"normal", "Whether a receipt survives a power cut."}),
    kQueue.key<&Queue::shell, Path>("shell", {"/bin/ash", "What runs the jobs."}),
    kQueue.key<&Queue::drafts, Endings>("drafts",
                                        {".bak .orig", "Endings of names that are drafts, too."}),

    kMount.key<&Mount::dir, Path>("dir", {"/q", "Where the queue is mounted."}),
    kMount.key<&Mount::mode, Mode>("mode", {"0770", "Mode of the queue and its directories."}),
    kMount.key<&Mount::owner, Word>("owner", {"alice", "Owner of the queue."}),
    kMount.key<&Mount::group, Word>("group", {"100", "Group of the queue."}),
    kMount.key<&Mount::allow_other, Choice<kAllowOtherWords>>(
        "allow_other", {"no", "Whether other users can reach the queue."}),
    kMount.key<&Mount::inotify, Choice<kBoolWords>>(
        "inotify", {"no", "Whether inotify tells of the moves that filed makes by itself."}),

    kDaemon.key<&Daemon::user, Word>("user", {"filed", "The user that all jobs run as."}),
    kDaemon.key<&Daemon::group, Word>("group", {"filed", "The group of that user."}),
    kDaemon.key<&Daemon::serve_as, Word>("serve_as",
                                         {"filed-serve", "The user that filed serves as."}),
    kDaemon.key<&Daemon::state_file, Path>("state_file",
                                           {"/var/lib/filed/filed.db", "Where the queue is kept."}),
    kDaemon.key<&Daemon::log, Choice<kLogTargetWords>>(
        "log", {"syslog", "Where log lines go.", kNever, kReload}),
    kDaemon.key<&Daemon::log_level, Choice<kLogLevelWords>>(
        "log_level", {"debug", "The least important log lines that are wanted.", kNever, kReload}),

    kSandbox.list<&SandboxSpec::paths, Grant<false>>("ro", {"/usr", "What jobs may read."}),
    kSandbox.list<&SandboxSpec::paths, Grant<true>>("rw", {"/tmp", "What jobs may write."}),
    kSandbox.key<&SandboxSpec::network, Choice<kNetworkWords>>(
        "network", {"none", "Whether jobs have sockets other than unix ones."}),
    kSandbox.list<&SandboxSpec::connect, Port>("connect", {"80", "A port jobs may connect to."}),
    kSandbox.list<&SandboxSpec::bind, Port>("bind", {"8080", "A port jobs may listen on."}),
    kSandbox.key<&SandboxSpec::required, Choice<kBoolWords>>(
        "required", {"no", "Whether filed refuses to start without all of this."}),
    kContainment.key<&Containment::cgroup, Choice<kUseCgroupsWords>>(
        "cgroup",
        {"required", "Whether filed refuses to start without a cgroup for each attempt."}),
    kContainment.key<&Containment::kill_leftovers, Choice<kKillLeftoversWords>>(
        "kill_leftovers", {"all", "What is killed when the main process of a job has ended."}),

    kLimits.limit<&Limits::cpu_s, Seconds>("cpu", {"1h", "CPU time of each process.", kLower}),
    kLimits.limit<&Limits::memory, Size<1, kMaxSize>>(
        "memory", {"1G", "Address space of each process.", kLower}),
    kLimits.limit<&Limits::files, Number<1, kMaxCount>>(
        "files", {"1024", "Open files of each process.", kLower}),
    kLimits.limit<&Limits::processes, Number<1, kMaxCount>>(
        "processes", {"256", "Processes of the user that the job runs as.", kLower}),
    kLimits.limit<&Limits::file_size, Size<0, kMaxSize>>(
        "file_size", {"10M", "The largest file that a job may write.", kLower}),
    kLimits.limit<&Limits::nice, Number<-20, 19>>(
        "nice", {"10", "Priority of the processes, as nice(2) has it.", kRaise}),

    kHooks.key<&Hooks::on_failure, Text>(
        "on_failure", {"mail -s \"job $FILED_ID\" root", "What is run for each failed job."}),
    kHooks.key<&Hooks::on_complete, Text>("on_complete",
                                          {"true", "What is run for each complete job."}),
};

}  // namespace

std::optional<int64_t> meet(JobValue rule, std::optional<int64_t> admin, int64_t job) {
  if (rule == JobValue::kNever) return admin;
  if (!admin || rule == JobValue::kReplace) return job;
  return rule == JobValue::kLower ? std::min(*admin, job) : std::max(*admin, job);
}

std::span<const Key> all_keys() { return kKeys; }

const Key* find_key(std::string_view section, std::string_view name) {
  for (const Key& key : all_keys()) {
    if (key.section == section && key.name == name) return &key;
  }
  return nullptr;
}

std::vector<LimitValue> limit_values(const LimitSettings& limits) {
  std::vector<LimitValue> values;
  for (const Key& key : all_keys()) {
    auto value = key.limit == nullptr ? std::nullopt : key.limit(limits);
    if (value) values.push_back({key.name, *value});
  }
  return values;
}

const Key* find_limit(std::string_view name) {
  const Key* key = find_key(kLimits.name, name);
  return key != nullptr && key->limit != nullptr ? key : nullptr;
}

bool same_until_restart(const Settings& a, const Settings& b) {
  return std::ranges::all_of(
      all_keys(), [&](const Key& key) { return key.scope != Scope::kFile || key.is_same(a, b); });
}

}  // namespace filed
