#include "config/options.h"

#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include <sstream>

#include "catch.h"
#include "temp_dir.h"

using namespace filed;

namespace {

using Args = std::vector<std::string>;

std::string current_directory() {
  char path[PATH_MAX];
  REQUIRE(getcwd(path, sizeof path) != nullptr);
  return path;
}

std::string usage_error(const Args& args) {
  try {
    parse_options(args);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "none";
}

std::string launch_usage_error(const Args& args) {
  try {
    parse_launch_options(args);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "none";
}

// The error of what is right as a command line but cannot be carried out.
std::string load_error(const Args& args) {
  Options options = parse_options(args);
  try {
    load_settings(options);
  } catch (const UsageError&) {
    return "usage";
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

// Sets environment variables for one test; null unsets.
class Environment {
 public:
  void set(const char* name, const char* value) {
    const char* before = getenv(name);
    saved_.emplace_back(name,
                        before == nullptr ? std::nullopt : std::optional<std::string>(before));
    apply(name, value);
  }
  ~Environment() {
    for (auto entry = saved_.rbegin(); entry != saved_.rend(); ++entry) {
      apply(entry->first.c_str(), entry->second ? entry->second->c_str() : nullptr);
    }
  }

 private:
  static void apply(const char* name, const char* value) {
    if (value == nullptr) {
      unsetenv(name);
    } else {
      setenv(name, value, 1);
    }
  }

  std::vector<std::pair<std::string, std::optional<std::string>>> saved_;
};

}  // namespace

TEST_CASE("filed's options are read in every way in which they may be written") {
  Options options = parse_options({"-c",        "/c",       "--state=/s", "-ro",          "/r",
                                   "--ro=/r2",  "-rof",     "/f",         "--rw",         "/w",
                                   "-rwf=/x=y", "-connect", "80",         "-connect=443", "--bind",
                                   "8080",      "-network", "none",       "-check",       "/q"});
  CHECK(options.config_file == "/c");
  CHECK(options.state_file == "/s");
  CHECK(options.mount_dir == "/q");
  CHECK(options.check);
  CHECK_FALSE(options.version);
  CHECK_FALSE(options.help);
  const auto& paths = options.sandbox.paths;
  REQUIRE(paths.size() == 5);
  CHECK(paths[0].path == "/r");
  CHECK_FALSE(paths[0].writable);
  CHECK_FALSE(paths[0].must_be_file);
  CHECK(paths[1].path == "/r2");
  CHECK(paths[2].path == "/f");
  CHECK_FALSE(paths[2].writable);
  CHECK(paths[2].must_be_file);
  CHECK(paths[3].path == "/w");
  CHECK(paths[3].writable);
  CHECK_FALSE(paths[3].must_be_file);
  CHECK(paths[4].path == "/x=y");
  CHECK(paths[4].writable);
  CHECK(paths[4].must_be_file);
  CHECK(options.sandbox.connect == std::vector<uint16_t>{80, 443});
  CHECK(options.sandbox.bind == std::vector<uint16_t>{8080});
  CHECK(options.sandbox.network == Network::kNone);
}

TEST_CASE("no arguments are no options") {
  Options options = parse_options({});
  CHECK_FALSE(options.config_file);
  CHECK_FALSE(options.state_file);
  CHECK_FALSE(options.mount_dir);
  CHECK(options.sandbox.empty());
  CHECK(parse_options({"-version"}).version);
  CHECK(parse_options({"--help"}).help);
  CHECK(parse_options({"-h"}).help);
  CHECK(parse_options({"help"}).help);
  CHECK_FALSE(parse_options({"./help"}).help);
  CHECK_FALSE(parse_options({"-check", "help"}).help);
}

TEST_CASE("options may follow the mount directory, and -- ends them") {
  Options options = parse_options({"/q", "-check"});
  CHECK(options.mount_dir == "/q");
  CHECK(options.check);
  CHECK(parse_options({"--", "-check"}).mount_dir == current_directory() + "/-check");
  CHECK(parse_options({"-check", "-"}).mount_dir == current_directory() + "/-");
}

TEST_CASE("relative paths are taken from the current directory") {
  const std::string here = current_directory();
  Options options =
      parse_options({"-c", "a.conf", "-state=./s", "-ro", ".", "-rw", "../x/", "q//"});
  CHECK(options.config_file == here + "/a.conf");
  CHECK(options.state_file == here + "/s");
  CHECK(options.sandbox.paths[0].path == here);
  CHECK(options.sandbox.paths[1].path == here + "/../x");
  CHECK(options.mount_dir == here + "/q");
  CHECK(parse_options({"/"}).mount_dir == "/");
  CHECK(parse_options({"./"}).mount_dir == here);
}

TEST_CASE("a command line that makes no sense is a usage error") {
  CHECK(usage_error({"-sate", "/s"}) == "unknown option -sate; did you mean -state?");
  CHECK(usage_error({"--chekc"}) == "unknown option -chekc; did you mean -check?");
  CHECK(usage_error({"-rx=/s"}) == "unknown option -rx; did you mean -ro?");
  CHECK(usage_error({"-daemonize"}) == "unknown option -daemonize");
  CHECK(usage_error({"---check"}) == "unknown option --check; did you mean -check?");
  CHECK(usage_error({"-=x"}) == "unknown option -");
  CHECK(usage_error({"-state"}) == "-state: needs a FILE");
  CHECK(usage_error({"-state="}) == "-state: needs a FILE");
  CHECK(usage_error({"-ro", "-rw", "/w"}) == "-ro: needs a PATH");
  CHECK(usage_error({"-ro", "--", "/q"}) == "-ro: needs a PATH");
  CHECK(usage_error({"-ro", ""}) == "-ro: needs a PATH");
  CHECK(usage_error({"-check=yes"}) == "-check: takes no value");
  CHECK(usage_error({"-check", "-check"}) == "-check: given twice");
  CHECK(usage_error({"-c", "/a", "-c", "/a"}) == "-c: given twice");
  CHECK(usage_error({"-network=none", "-network=none"}) == "-network: given twice");
  CHECK(usage_error({"-network", "all"}) == "-network: `all` is not `none`");
  CHECK(usage_error({"-connect", "http"}) == "-connect: `http` is not a number");
  CHECK(usage_error({"-bind", "65536"}) == "-bind: `65536` is out of range (1 to 65535)");
  CHECK(usage_error({"/a", "/b"}) == "more than one mount directory: `/a` and `/b`");
  CHECK(usage_error({""}) == "the mount directory is an empty word");
}

TEST_CASE("filed-launch takes the sandbox's options and a command") {
  LaunchOptions options = parse_launch_options({"-ro", "/usr", "--rwf=/f", "-connect=80", "-bind",
                                                "1", "-network", "none", "ls", "-l", "--", "-ro"});
  CHECK(options.command == Args{"ls", "-l", "--", "-ro"});
  REQUIRE(options.sandbox.paths.size() == 2);
  CHECK(options.sandbox.paths[1].must_be_file);
  CHECK(options.sandbox.connect == std::vector<uint16_t>{80});
  CHECK(options.sandbox.bind == std::vector<uint16_t>{1});
  CHECK(options.sandbox.network == Network::kNone);

  CHECK(parse_launch_options({"--", "-x", "y"}).command == Args{"-x", "y"});
  CHECK(parse_launch_options({"-help"}).help);
  CHECK(parse_launch_options({"-h"}).help);
  CHECK_FALSE(parse_launch_options({"help"}).help);
  CHECK(parse_launch_options({"-version"}).version);
  CHECK(launch_usage_error({}) == "no command to run");
  CHECK(launch_usage_error({"-ro", "/usr", "--"}) == "no command to run");
  CHECK(launch_usage_error({"-state", "/s", "ls"}) == "unknown option -state");
  CHECK(launch_usage_error({"-conect", "1", "ls"}) ==
        "unknown option -conect; did you mean -connect?");
}

TEST_CASE("the help texts name every option and fit a terminal") {
  std::string filed = help_text();
  std::string launch = launch_help_text();
  for (const char* option : {"-ro PATH", "-rof PATH", "-rw PATH", "-rwf PATH", "-connect PORT",
                             "-bind PORT", "-network none", "-version", "-help, -h"}) {
    INFO(option);
    CHECK(filed.find(option) != filed.npos);
    CHECK(launch.find(option) != launch.npos);
  }
  for (const char* option : {"-c FILE", "-state FILE", "-check", "MDIR", kDefaultConfigFile}) {
    CHECK(filed.find(option) != filed.npos);
  }
  std::istringstream lines(filed + launch);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 90);
}

TEST_CASE("with a mount directory and no -c, no configuration is read") {
  Settings settings = load_settings(parse_options({"/q", "-ro", "/usr", "-network=none"}));
  CHECK(settings.mount.dir == "/q");
  CHECK(settings.queue_written.empty());
  CHECK(settings.queue.retries == 3);
  REQUIRE(settings.sandbox.paths.size() == 1);
  CHECK(settings.sandbox.network == Network::kNone);
}

TEST_CASE("the command line goes before the configuration, and adds to its sandbox") {
  TempDir dir;
  std::string file = dir.write(
      "filed.conf",
      "[queue]\nretries = 7\n[mount]\ndir = /from-file\n[sandbox]\nro = /usr\nconnect = 80\n");
  Settings alone = load_settings(parse_options({"-c", file}));
  CHECK(alone.mount.dir == "/from-file");
  CHECK(alone.queue.retries == 7);

  Settings both =
      load_settings(parse_options({"-c", file, "-rw", "/tmp", "-connect=443", "-bind=1", "/q"}));
  CHECK(both.mount.dir == "/q");
  CHECK(both.queue.retries == 7);
  REQUIRE(both.sandbox.paths.size() == 2);
  CHECK(both.sandbox.paths[0].path == "/usr");
  CHECK(both.sandbox.paths[1].path == "/tmp");
  CHECK(both.sandbox.connect == std::vector<uint16_t>{80, 443});
  CHECK(both.sandbox.bind == std::vector<uint16_t>{1});
  CHECK(both.sandbox.network == Network::kAll);
}

TEST_CASE("a configuration with an error or no mount directory stops the start") {
  TempDir dir;
  std::string broken = dir.write("broken.conf", "[queue]\nworkers = x\n");
  CHECK(load_error({"-c", broken, "/q"}) == broken + ":2: workers: `x` is not a number");
  std::string homeless = dir.write("homeless.conf", "[queue]\nworkers = 1\n");
  CHECK(load_error({"-c", homeless}) ==
        "no mount directory: give MDIR, or set dir in [mount] of " + homeless);
  CHECK(load_error({"-c", homeless, "/q"}) == "none");
  if (access(kDefaultConfigFile, F_OK) != 0) {
    CHECK(load_error({}) == "usage");
  }
}

TEST_CASE("the state file is looked for in the order of the documentation") {
  Environment environment;
  environment.set("FILED_STATE_FILE", "/env/state");
  environment.set("XDG_DATA_HOME", "/xdg");
  environment.set("HOME", "/home/alice");
  Settings settings;
  settings.daemon.state_file = "/conf/state";
  CHECK(state_file_path(parse_options({"-state", "/opt/state"}), settings) == "/opt/state");
  CHECK(state_file_path(parse_options({}), settings) == "/env/state");
  environment.set("FILED_STATE_FILE", "rel/state");
  CHECK(state_file_path(parse_options({}), settings) == current_directory() + "/rel/state");
  environment.set("FILED_STATE_FILE", "");
  CHECK(state_file_path(parse_options({}), settings) == "/conf/state");
  environment.set("FILED_STATE_FILE", nullptr);
  CHECK(state_file_path(parse_options({}), settings) == "/conf/state");
  settings.daemon.state_file.clear();
  CHECK(state_file_path(parse_options({}), settings) == "/xdg/filed/filed.db");
  environment.set("XDG_DATA_HOME", "relative");
  CHECK(state_file_path(parse_options({}), settings) == "/home/alice/.local/share/filed/filed.db");
  environment.set("XDG_DATA_HOME", nullptr);
  CHECK(state_file_path(parse_options({}), settings) == "/home/alice/.local/share/filed/filed.db");

  environment.set("HOME", nullptr);
  const passwd* entry = getpwuid(getuid());
  if (entry != nullptr && entry->pw_dir[0] == '/') {
    CHECK(state_file_path(parse_options({}), settings) ==
          std::string(entry->pw_dir) + "/.local/share/filed/filed.db");
  } else {
    CHECK_THROWS_AS(state_file_path(parse_options({}), settings), Error);
  }
}
