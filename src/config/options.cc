#include "config/options.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <utility>

#include "config/suggest.h"
#include "config/units.h"

namespace filed {
namespace {

// The options of the sandbox, in both help texts.
constexpr const char* kSandboxHelp =
    "  -ro PATH       let jobs read and execute PATH and what is below it\n"
    "  -rof PATH      the same for a file\n"
    "  -rw PATH       let jobs do everything with PATH and what is below it\n"
    "  -rwf PATH      the same for a file\n"
    "  -connect PORT  let jobs connect to this TCP port\n"
    "  -bind PORT     let jobs bind this TCP port\n"
    "  -network none  leave jobs no sockets but unix ones\n";

constexpr const char* kCommonHelp =
    "  -version       print the version and exit\n"
    "  -help, -h      print this text and exit\n";

// `path` seen from the root directory, without "./" in front and "/" at the end.
std::string absolute_path(std::string_view path) {
  while (path.starts_with("./")) {
    path.remove_prefix(2);
    while (path.starts_with('/')) path.remove_prefix(1);
  }
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path.starts_with('/')) return std::string(path);
  std::array<char, PATH_MAX> directory{};
  if (getcwd(directory.data(), directory.size()) == nullptr) throw_errno("current directory");
  std::string absolute = directory.data();
  if (path.empty() || path == ".") return absolute;
  if (absolute != "/") absolute += '/';
  return absolute + std::string(path);
}

// One option of a program.
struct Option {
  std::string_view name;   // without dashes
  std::string_view value;  // what its value is called; empty: it takes none
  bool repeats;
  std::function<void(const std::string& value)> apply;
};

// Walks over a command line. The programs differ only in their options and in what they do with the
// operands.
class CommandLine {
 public:
  CommandLine(std::vector<Option> options, const std::vector<std::string>& args)
      : options_(std::move(options)), args_(args), seen_(options_.size(), false) {}

  // Applies options up to the first operand. Returns false at the end; else operand() is that one.
  bool next_operand() {
    while (next_ < args_.size()) {
      const std::string& arg = args_[next_++];
      if (is_after_dashes_ || !is_option(arg)) {
        operand_ = arg;
        return true;
      }
      if (arg == "--") {
        is_after_dashes_ = true;
      } else {
        apply(arg);
      }
    }
    return false;
  }

  const std::string& operand() const { return operand_; }

  // What stands behind operand().
  std::vector<std::string> rest() const {
    return {args_.begin() + static_cast<std::ptrdiff_t>(next_), args_.end()};
  }

 private:
  static bool is_option(std::string_view arg) { return arg.size() > 1 && arg[0] == '-'; }

  void apply(std::string_view arg) {
    arg.remove_prefix(arg.starts_with("--") ? 2 : 1);
    size_t equals = arg.find('=');
    std::string_view name = arg.substr(0, equals);
    size_t index = find(name);
    const Option& option = options_[index];
    std::string label = "-" + std::string(option.name);
    if (seen_[index] && !option.repeats) throw UsageError(label + ": given twice");
    seen_[index] = true;
    std::string value;
    if (option.value.empty()) {
      if (equals != arg.npos) throw UsageError(label + ": takes no value");
    } else {
      if (equals != arg.npos) {
        value = arg.substr(equals + 1);
      } else if (next_ < args_.size() && !is_option(args_[next_])) {
        value = args_[next_++];
      }
      if (value.empty()) throw UsageError(label + ": needs a " + std::string(option.value));
    }
    option.apply(value);
  }

  size_t find(std::string_view name) const {
    std::vector<std::string_view> names;
    for (size_t i = 0; i < options_.size(); ++i) {
      if (options_[i].name == name) return i;
      names.push_back(options_[i].name);
    }
    std::string message = "unknown option -" + escaped(name);
    std::string_view nearest = nearest_word(name, names);
    if (!nearest.empty()) message += "; did you mean -" + std::string(nearest) + "?";
    throw UsageError(message);
  }

  std::vector<Option> options_;
  const std::vector<std::string>& args_;
  std::vector<bool> seen_;
  size_t next_ = 0;
  bool is_after_dashes_ = false;
  std::string operand_;
};

Option path_option(std::string_view name, bool writable, bool must_be_file, SandboxSpec& spec) {
  return {name, "PATH", true, [=, &spec](const std::string& value) {
            spec.paths.push_back({absolute_path(value), writable, must_be_file});
          }};
}

Option port_option(std::string_view name, std::vector<uint16_t>& ports) {
  return {name, "PORT", true, [name, &ports](const std::string& value) {
            std::string reason;
            auto port = parse_port(value, reason);
            if (!port) throw UsageError("-" + std::string(name) + ": " + reason);
            ports.push_back(*port);
          }};
}

Option path_option(std::string_view name, std::string_view value_name,
                   std::optional<std::string>& path) {
  return {name, value_name, false,
          [&path](const std::string& value) { path = absolute_path(value); }};
}

Option flag_option(std::string_view name, bool& flag) {
  return {name, "", false, [&flag](const std::string&) { flag = true; }};
}

void add_common_options(std::vector<Option>& table, bool& version, bool& help) {
  table.push_back(flag_option("version", version));
  table.push_back(flag_option("help", help));
  table.push_back(flag_option("h", help));
}

std::vector<Option> sandbox_options(SandboxSpec& spec) {
  auto set_network = [&spec](const std::string& value) {
    if (value != "none") throw UsageError("-network: " + quoted(value) + " is not `none`");
    spec.network = Network::kNone;
  };
  return {
      path_option("ro", false, false, spec),   path_option("rof", false, true, spec),
      path_option("rw", true, false, spec),    path_option("rwf", true, true, spec),
      port_option("connect", spec.connect),    port_option("bind", spec.bind),
      {"network", "none", false, set_network},
  };
}

void add_sandbox(SandboxSpec& spec, const SandboxSpec& more) {
  spec.paths.insert(spec.paths.end(), more.paths.begin(), more.paths.end());
  spec.connect.insert(spec.connect.end(), more.connect.begin(), more.connect.end());
  spec.bind.insert(spec.bind.end(), more.bind.begin(), more.bind.end());
  if (more.network == Network::kNone) spec.network = Network::kNone;
}

// The variable's value; empty when there is none.
std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string home_directory() {
  std::string home = environment("HOME");
  if (home.starts_with('/')) return home;
  const passwd* entry = getpwuid(getuid());
  if (entry != nullptr && entry->pw_dir != nullptr && entry->pw_dir[0] == '/') return entry->pw_dir;
  throw Error(
      "no state file: HOME is not set and the user has no home directory; give -state FILE");
}

}  // namespace

Options parse_options(const std::vector<std::string>& args) {
  Options options;
  if (args.size() == 1 && args[0] == "help") {
    options.help = true;
    return options;
  }
  std::vector<Option> table = sandbox_options(options.sandbox);
  table.push_back(path_option("c", "FILE", options.config_file));
  table.push_back(path_option("state", "FILE", options.state_file));
  table.push_back(flag_option("check", options.check));
  table.push_back(path_option("backup", "TO", options.backup));
  table.push_back({"ready-fd", "NUMBER", false, [&options](const std::string& value) {
                     std::string reason;
                     auto number = parse_port(value, reason);
                     if (!number || *number <= STDERR_FILENO) {
                       throw UsageError("-ready-fd: " + quoted(value) +
                                        " is no number of a descriptor from 3");
                     }
                     options.ready_fd = *number;
                   }});
  add_common_options(table, options.version, options.help);
  CommandLine line(std::move(table), args);
  while (line.next_operand()) {
    if (line.operand().empty()) throw UsageError("the mount directory is an empty word");
    if (options.mount_dir) {
      throw UsageError("more than one mount directory: " + quoted(*options.mount_dir) + " and " +
                       quoted(line.operand()));
    }
    options.mount_dir = absolute_path(line.operand());
  }
  return options;
}

LaunchOptions parse_launch_options(const std::vector<std::string>& args) {
  LaunchOptions options;
  std::vector<Option> table = sandbox_options(options.sandbox);
  add_common_options(table, options.version, options.help);
  CommandLine line(std::move(table), args);
  if (line.next_operand()) {
    options.command = line.rest();
    options.command.insert(options.command.begin(), line.operand());
  } else if (!options.version && !options.help) {
    throw UsageError("no command to run");
  }
  return options;
}

std::string help_text() {
  return std::string(
             "usage: filed [-c FILE] [-state FILE] [SANDBOX OPTION]... [MDIR]\n"
             "       filed help\n"
             "\n"
             "Serves a job queue as the directory MDIR, and runs its jobs.\n"
             "\n"
             "  -c FILE        read this configuration; by default ") +
         kDefaultConfigFile +
         ",\n"
         "                 or none when MDIR is given\n"
         "  -state FILE    keep the queue in this file; by default $FILED_STATE_FILE, the\n"
         "                 configuration's, or filed/filed.db in $XDG_DATA_HOME or ~/.local/share\n"
         "  -check         do what a start does before it changes anything, and exit\n"
         "  -backup TO     copy the state to the file TO, also while a filed serves it, and exit\n"
         "  -ready-fd N    write a line end to descriptor N when the queue is mounted\n" +
         kCommonHelp +
         "\n"
         "Any of these puts jobs and filed itself into a sandbox. All but -network may be given\n"
         "again and again, and add to what the configuration says.\n"
         "\n" +
         kSandboxHelp;
}

std::string launch_help_text() {
  return std::string(
             "usage: filed-launch [SANDBOX OPTION]... [--] CMD [ARG]...\n"
             "\n"
             "Runs CMD in the sandbox in which filed runs its jobs.\n"
             "\n") +
         kSandboxHelp + kCommonHelp;
}

Settings load_settings(const Options& options) {
  Settings settings = default_settings();
  std::optional<std::string> file = options.config_file;
  if (!file && !options.mount_dir) {
    file = kDefaultConfigFile;
    if (access(kDefaultConfigFile, F_OK) != 0 && errno == ENOENT) {
      throw UsageError("no MDIR is given, and there is no " + *file);
    }
  }
  if (file) read_config_file(*file, settings);
  if (options.mount_dir) settings.mount.dir = *options.mount_dir;
  if (settings.mount.dir.empty()) {
    throw Error("no mount directory: give MDIR, or set dir in [mount] of " + *file);
  }
  add_sandbox(settings.sandbox, options.sandbox);
  return settings;
}

std::string state_file_path(const Options& options, const Settings& settings) {
  if (options.state_file) return *options.state_file;
  std::string from_environment = environment("FILED_STATE_FILE");
  if (!from_environment.empty()) return absolute_path(from_environment);
  if (!settings.daemon.state_file.empty()) return settings.daemon.state_file;
  std::string data = environment("XDG_DATA_HOME");
  if (!data.starts_with('/')) data = home_directory() + "/.local/share";
  return data + "/filed/filed.db";
}

}  // namespace filed
