#include "config/settings.h"

#include <fstream>
#include <set>
#include <sstream>

#include "base/error.h"
#include "catch.h"
#include "config/ini.h"
#include "config/keys.h"
#include "temp_dir.h"

using namespace filed;

namespace {

Settings read_text(const std::string& text) {
  TempDir dir;
  Settings settings = default_settings();
  read_config_file(dir.write("filed.conf", text), settings);
  return settings;
}

// The message for a file that cannot be read; "none" when it can.
std::string error_of_file(const std::string& path) {
  Settings settings = default_settings();
  settings.queue.retries = 77;
  try {
    read_config_file(path, settings);
  } catch (const Error& caught) {
    CHECK(settings.queue.retries == 77);  // nothing was changed
    return caught.what();
  }
  return "none";
}

// The message for a file with `text`, from the line number on.
std::string error(const std::string& text) {
  TempDir dir;
  std::string path = dir.write("filed.conf", text);
  std::string message = error_of_file(path);
  return message.starts_with(path + ":") ? message.substr(path.size() + 1) : message;
}

std::string whole_file(const std::string& path) {
  std::ifstream stream(path);
  REQUIRE(stream);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// A value other than the default for every key.
constexpr const char* kEveryKey = R"(
[queue]
workers = 8
retries = 0
backoff = 500ms
backoff_factor = 1.5
backoff_max = 2h
timeout = 30s
kill_grace = 1s
stop_grace = 1m
output_limit = 64K
job_size_limit = 2M
upload_limit = 8M
keep_complete = 7d
keep_failed = 30d
durability = normal
shell = /bin/ash
[mount]
dir = /q
mode = 1777
owner = alice
group = 100
allow_other = no
[daemon]
user = filed
group = filed
state_file = /var/lib/filed/filed.db
log = syslog
log_level = debug
[sandbox]
ro = /usr
rw = /tmp
ro = /lib
network = none
connect = 80
connect = 443
bind = 8080
required = no
[limits]
cpu = 1m
memory = 1G
files = 64
processes = 32
file_size = 10M
nice = -5
[env]
LANG = C.UTF-8
_X1 = a = b; c
EMPTY =
[hooks]
on_failure = mail -s "job $FILED_ID" root
on_complete = true
)";

}  // namespace

TEST_CASE("every key of [queue] arrives where it belongs") {
  Settings settings = read_text(kEveryKey);
  const QueueSettings& queue = settings.queue;
  CHECK(queue.workers == 8);
  CHECK(queue.retries == 0);
  CHECK(queue.backoff_ms == 500);
  CHECK(queue.backoff_factor == 1.5);
  CHECK(queue.backoff_max_ms == 7'200'000);
  CHECK(queue.timeout_ms == 30'000);
  CHECK(queue.kill_grace_ms == 1000);
  CHECK(queue.stop_grace_ms == 60'000);
  CHECK(queue.output_limit == 65'536);
  CHECK(queue.job_size_limit == 2 << 20);
  CHECK(queue.upload_limit == 8 << 20);
  CHECK(queue.keep_complete_ms == 604'800'000);
  CHECK(queue.keep_failed_ms == 2'592'000'000);
  CHECK(queue.durability == Durability::kNormal);
  CHECK(queue.shell == "/bin/ash");
}

TEST_CASE("every key of the other sections arrives where it belongs") {
  Settings settings = read_text(kEveryKey);
  CHECK(settings.mount.dir == "/q");
  CHECK(settings.mount.mode == 01777);
  CHECK(settings.mount.owner == "alice");
  CHECK(settings.mount.group == "100");
  CHECK(settings.mount.allow_other == AllowOther::kNo);

  CHECK(settings.daemon.user == "filed");
  CHECK(settings.daemon.group == "filed");
  CHECK(settings.daemon.state_file == "/var/lib/filed/filed.db");
  CHECK(settings.daemon.log == LogTarget::kSyslog);
  CHECK(settings.daemon.log_level == LogLevel::kDebug);

  REQUIRE(settings.sandbox.paths.size() == 3);
  CHECK(settings.sandbox.paths[0].path == "/usr");
  CHECK_FALSE(settings.sandbox.paths[0].writable);
  CHECK(settings.sandbox.paths[1].path == "/tmp");
  CHECK(settings.sandbox.paths[1].writable);
  CHECK(settings.sandbox.paths[2].path == "/lib");
  CHECK(settings.sandbox.network == Network::kNone);
  CHECK(settings.sandbox.connect == std::vector<uint16_t>{80, 443});
  CHECK(settings.sandbox.bind == std::vector<uint16_t>{8080});
  CHECK_FALSE(settings.sandbox.required);

  CHECK(settings.limits.cpu_s == 60);
  CHECK(settings.limits.memory == 1 << 30);
  CHECK(settings.limits.files == 64);
  CHECK(settings.limits.processes == 32);
  CHECK(settings.limits.file_size == 10 << 20);
  CHECK(settings.limits.nice == -5);

  using Variable = std::pair<std::string, std::string>;
  CHECK(settings.env ==
        std::vector<Variable>{{"LANG", "C.UTF-8"}, {"_X1", "a = b; c"}, {"EMPTY", ""}});
  CHECK(settings.hooks.on_failure == "mail -s \"job $FILED_ID\" root");
  CHECK(settings.hooks.on_complete == "true");
}

TEST_CASE("for each key of [queue] that a file sets, the file and the text are kept") {
  TempDir dir;
  std::string path =
      dir.write("filed.conf", "[queue]\nretries = 3\nbackoff = 60s ; slow\n[mount]\ndir = /q\n");
  Settings settings = default_settings();
  read_config_file(path, settings);
  REQUIRE(settings.queue_written.size() == 2);
  CHECK(settings.queue_written.at("retries").source == path);
  CHECK(settings.queue_written.at("retries").value == "3");
  CHECK(settings.queue_written.at("backoff").value == "60s");
}

TEST_CASE("an unknown section or key is an error that names the nearest known one") {
  CHECK(error("[queue]\nretrys = 3\n") ==
        "2: unknown key `retrys` in [queue]; did you mean `retries`?");
  CHECK(error("[limits]\n\nmemroy = 1G\n") ==
        "3: unknown key `memroy` in [limits]; did you mean `memory`?");
  CHECK(error("[queue]\nuser = filed\n") ==
        "2: unknown key `user` in [queue]; it belongs in [daemon]");
  CHECK(error("[queue]\nfrobnicate = 1\n") == "2: unknown key `frobnicate` in [queue]");
  CHECK(error("[quue]\nretries = 3\n") == "1: unknown section [quue]; did you mean [queue]?");
  CHECK(error("[environment]\n") == "1: unknown section [environment]");
  CHECK(error("[evn]\n") == "1: unknown section [evn]; did you mean [env]?");
  CHECK(error("[Queue]\n") == "1: unknown section [Queue]; did you mean [queue]?");
  CHECK(error("[]\n") == "1: unknown section []");
  CHECK(error("[a\x1b]\n") == "1: unknown section [a\\x1b]");
  CHECK(error("workers = 1\n[queue]\n") == "1: key `workers` before the first [section]");
}

TEST_CASE("a bad value is an error with its line and the reason") {
  const std::string such_as = " is not a size (such as 4096, 64K, 10M or 1G)";
  const std::string range_of_job = " is out of range (1 to 64M)";
  auto in = [](const std::string& section, const std::string& line) {
    return error("[" + section + "]\n" + line + "\n");
  };
  CHECK(in("queue", "workers = -1") == "2: workers: `-1` is out of range (0 to 10000)");
  CHECK(in("queue", "workers = 10001") == "2: workers: `10001` is out of range (0 to 10000)");
  CHECK(in("queue", "retries = abc") == "2: retries: `abc` is not a number");
  CHECK(in("queue", "retries =") == "2: retries: `` is not a number");
  CHECK(in("queue", "timeout = 30") == "2: timeout: a duration needs a unit (ms, s, m, h, d)");
  CHECK(in("queue", "backoff = -1s") == "2: backoff: `-1s` is negative");
  CHECK(in("queue", "backoff_factor = 0.5") ==
        "2: backoff_factor: `0.5` is out of range (1 to 1000)");
  CHECK(in("queue", "backoff_factor = inf") == "2: backoff_factor: `inf` is not a number");
  CHECK(in("queue", "output_limit = 0") == "2: output_limit: `0` is out of range (1 to 64G)");
  CHECK(in("queue", "output_limit = much") == "2: output_limit: `much`" + such_as);
  CHECK(in("queue", "job_size_limit = 0") == "2: job_size_limit: `0`" + range_of_job);
  CHECK(in("queue", "job_size_limit = 65M") == "2: job_size_limit: `65M`" + range_of_job);
  CHECK(in("queue", "upload_limit = 17G") == "2: upload_limit: `17G` is out of range (1 to 16G)");
  CHECK(in("queue", "durability = safe") == "2: durability: `safe` is none of full, normal");
  CHECK(in("queue", "shell = sh") == "2: shell: `sh` is not an absolute path");
  CHECK(in("queue", "shell = ; none") == "2: shell: no value");
  CHECK(in("mount", "dir = q") == "2: dir: `q` is not an absolute path");
  CHECK(in("mount", "dir = /q\x01") == "2: dir: `/q\\x01` has a control character in it");
  CHECK(in("mount", "mode = 0888") == "2: mode: `0888` is not an octal mode (such as 0770)");
  CHECK(in("mount", "owner =") == "2: owner: no value");
  CHECK(in("mount", "allow_other = maybe") == "2: allow_other: `maybe` is none of auto, yes, no");
  CHECK(in("daemon", "log = file") == "2: log: `file` is none of stderr, syslog");
  CHECK(in("daemon", "log_level = loud") ==
        "2: log_level: `loud` is none of error, warning, info, debug");
  CHECK(in("sandbox", "ro = usr") == "2: ro: `usr` is not an absolute path");
  CHECK(in("sandbox", "rw =") == "2: rw: no value");
  CHECK(in("sandbox", "network = some") == "2: network: `some` is none of all, none");
  CHECK(in("sandbox", "connect = 0") == "2: connect: `0` is out of range (1 to 65535)");
  CHECK(in("sandbox", "bind = http") == "2: bind: `http` is not a number");
  CHECK(in("sandbox", "required = 1") == "2: required: `1` is none of no, yes");
  CHECK(in("limits", "cpu = 1500ms") ==
        "2: cpu: `1500ms` is not a whole number of seconds, from 1s");
  CHECK(in("limits", "cpu = 0") == "2: cpu: `0` is not a whole number of seconds, from 1s");
  CHECK(in("limits", "files = 0") == "2: files: `0` is out of range (1 to 1073741824)");
  CHECK(in("limits", "nice = 20") == "2: nice: `20` is out of range (-20 to 19)");
  CHECK(in("env", "1X = y") == "2: `1X` is not the name of an environment variable");
  CHECK(in("env", "A-B = y") == "2: `A-B` is not the name of an environment variable");
  CHECK(in("env", "FILED_ID = y") ==
        "2: `FILED_ID` cannot be set: names that begin with FILED_ are filed's own");
}

TEST_CASE("a key that is set twice is an error, unless it repeats") {
  CHECK(error("[queue]\nretries = 3\n\n[mount]\ngroup = a\n[daemon]\ngroup = b\n"
              "[queue]\nretries = 3\n") == "9: retries: set twice, first on line 2");
  CHECK(error("[env]\nA = 1\nB = 1\nA = 1\n") == "4: A: set twice, first on line 2");
  CHECK(error("[sandbox]\nro = /a\nro = /a\nconnect = 1\nconnect = 1\n") == "none");
}

TEST_CASE("limits that do not go together are an error") {
  CHECK(error("[queue]\njob_size_limit = 2M\nupload_limit = 1M\nretries = 3\n") ==
        "3: upload_limit: `1M` is below job_size_limit (2M)");
  CHECK(error("[queue]\nupload_limit = 512K\n") ==
        "2: upload_limit: `512K` is below job_size_limit (1M)");
  CHECK(error("[queue]\nupload_limit = 2M\njob_size_limit = 2M\n") == "none");
}

TEST_CASE("what is wrong with the text itself is an error with its line") {
  CHECK(error("[queue]\nworkers\n") == "2: neither `key = value` nor [section]");
  CHECK(error("[hooks]\non_failure = a\n  -b\n") == "3: neither `key = value` nor [section]");
  CHECK(error("[hooks]\non_failure = " + std::string(200, 'x') + "\n") ==
        "2: a line of 213 bytes; at most 198 can be read");
  CHECK(error(std::string(kMaxIniBytes + 1, '\n')) == " larger than 1048576 bytes");
  CHECK(error("\xEF\xBB\xBF[queue]\r\n  retries = 1\r\n") == "none");
}

TEST_CASE("a file that cannot be read is an error") {
  TempDir dir;
  CHECK(error_of_file(dir.file("none")) == dir.file("none") + ": No such file or directory");
  CHECK(error_of_file(dir.path()) == dir.path() + ": Is a directory");
  CHECK(error_of_file("/dev/zero") == "/dev/zero: larger than 1048576 bytes");
}

TEST_CASE("the installed configuration names every key with its default") {
  std::istringstream lines(whole_file("openrc/filed.conf"));
  Settings defaults = default_settings();
  std::string section;
  std::string uncommented;
  std::set<std::pair<std::string, std::string>> seen;
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    CHECK(line.size() <= 80);
    if (line.substr(0, 1) == "[") section = line.substr(1, line.size() - 2);
    bool is_commented = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    if (is_commented) line.erase(0, 1);
    size_t equals = line.find(" = ");
    if (line[0] == '#' || equals == line.npos) {
      uncommented += line + "\n";
      continue;
    }
    std::string name = line.substr(0, equals);
    bool is_active_elsewhere = name == "mode" && is_commented;
    uncommented += (is_active_elsewhere ? "" : line) + "\n";
    seen.emplace(section, name);
    const Key* key = find_key(section, name);
    if (!is_commented || key == nullptr || key->repeats || name == "workers") continue;
    std::string value = key->print(defaults);
    if (!value.empty()) CHECK(line.substr(equals + 3) == value);
  }
  for (const Key& key : all_keys()) {
    INFO(key.section << "." << key.name);
    CHECK(seen.contains({std::string(key.section), std::string(key.name)}));
  }
  Settings settings = default_settings();
  auto failure = read_settings(uncommented, ConfigScope::kFile, "filed.conf", settings);
  INFO((failure ? std::to_string(failure->line) + failure->reason : ""));
  CHECK_FALSE(failure);
}

TEST_CASE("the installed configuration serves members of group filed") {
  Settings settings = default_settings();
  read_config_file("openrc/filed.conf", settings);
  CHECK(settings.daemon.user == "filed");
  CHECK(settings.daemon.group == "filed");
  CHECK(settings.daemon.state_file == "/var/lib/filed/filed.db");
  CHECK(settings.mount.dir == "/var/spool/filed");
  CHECK(settings.mount.mode == 0770);
  CHECK(settings.sandbox.empty());
  CHECK(settings.queue_written.empty());
}
