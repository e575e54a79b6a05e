// The command lines of filed and filed-launch, and what follows from them: which configuration is
// read and where the state is kept. Options may be written -ro or --ro, `-ro PATH` or `-ro=PATH`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "config/settings.h"
#include "sandbox/spec.h"

namespace filed {

constexpr const char* kDefaultConfigFile = "/etc/filed/filed.conf";

// A wrong command line. The program prints the message and exits with kUsageExit.
class UsageError : public Error {
 public:
  using Error::Error;
};

constexpr int kUsageExit = 2;

// Paths are absolute. Relative ones were taken from the current directory.
struct Options {
  std::optional<std::string> config_file;  // -c
  std::optional<std::string> state_file;   // -state
  std::optional<std::string> mount_dir;    // MDIR
  SandboxSpec sandbox;                     // -ro -rof -rw -rwf -connect -bind -network
  std::optional<int> ready_fd;             // -ready-fd
  std::optional<std::string> backup;       // -backup
  bool check = false;
  bool version = false;
  bool help = false;
};

struct LaunchOptions {
  SandboxSpec sandbox;
  std::vector<std::string> command;  // CMD ARG…; empty only with -help or -version
  bool version = false;
  bool help = false;
};

// Both take the arguments without the program's name, and throw UsageError. `filed help` is -help; a
// directory of that name is ./help.
Options parse_options(const std::vector<std::string>& args);
LaunchOptions parse_launch_options(const std::vector<std::string>& args);

// What -help prints, with its last newline.
std::string help_text();
std::string launch_help_text();

// The defaults, then the configuration file, then the command line. The file is -c, else none when
// MDIR is given, else kDefaultConfigFile. MDIR goes before [mount] dir; the command line's sandbox
// adds to the file's. Throws Error: of the file, or when there is no mount directory; UsageError when
// neither MDIR nor -c is given and there is no kDefaultConfigFile.
Settings load_settings(const Options& options);

// Where the state is kept, an absolute path: -state, else $FILED_STATE_FILE, else state_file of
// [daemon], else filed/filed.db in $XDG_DATA_HOME, else in ~/.local/share. An environment variable
// that is empty counts as unset, and so does a relative XDG_DATA_HOME. Throws Error when no home
// directory is known.
std::string state_file_path(const Options& options, const Settings& settings);

}  // namespace filed
