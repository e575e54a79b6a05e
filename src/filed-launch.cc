// filed-launch: runs one command in the sandbox in which filed runs its jobs.
//
// 1. Find the command. 2. Prepare a sandbox from the options and from what the command needs to
// start. 3. Confine this process. 4. Close what it inherited. 5. Execute the command.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/fd.h"
#include "config/options.h"
#include "sandbox/program.h"
#include "sandbox/sandbox.h"

namespace filed {
namespace {

constexpr int kErrorExit = 1;
constexpr int kNotExecutableExit = 126;  // these two as a shell has them
constexpr int kNotFoundExit = 127;

constexpr const char* kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

void say(const std::string& what) { std::fprintf(stderr, "filed-launch: %s\n", what.c_str()); }

bool has_terminal() {
  if (isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) || isatty(STDERR_FILENO)) return true;
  return static_cast<bool>(Fd(open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)));
}

// Returns only when it failed.
int launch(const LaunchOptions& options) {
  const std::string& command = options.command.front();
  const char* search = std::getenv("PATH");
  int error = 0;
  std::string path = find_command(command, search != nullptr ? search : kDefaultPath, &error);
  if (path.empty()) {
    say(command + ": " + (error == ENOENT ? "not found" : std::strerror(error)));
    return error == EACCES ? kNotExecutableExit : kNotFoundExit;
  }

  SandboxOptions extra;
  extra.paths = grants_to_start(path);
  extra.guard_terminal = has_terminal();
  Sandbox sandbox = Sandbox::prepare(options.sandbox, extra);
  for (const std::string& warning : sandbox.warnings()) say("warning: " + warning);

  std::vector<char*> argv;
  for (const std::string& arg : options.command) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);

  const char* step = nullptr;
  error = sandbox.apply(&step);
  if (error != 0) {
    say(std::string("sandbox: ") + step + ": " + std::strerror(error));
    return kErrorExit;
  }
  // Landlock does not restrict descriptors that are open already. Jobs have none above 2 either.
  if (close_range(3U, ~0U, 0U) != 0) {
    say(std::string("close_range: ") + std::strerror(errno));
    return kErrorExit;
  }
  execv(path.c_str(), argv.data());
  say(path + ": " + std::strerror(errno));
  return kNotExecutableExit;
}

int run(const std::vector<std::string>& args) {
  try {
    LaunchOptions options = parse_launch_options(args);
    if (options.help || options.version) {
      std::fputs(options.help ? launch_help_text().c_str() : "filed-launch " FILED_VERSION "\n",
                 stdout);
      return std::fflush(stdout) == 0 ? 0 : kErrorExit;
    }
    return launch(options);
  } catch (const UsageError& error) {
    say(std::string(error.what()) + " (filed-launch -help tells more)");
    return kUsageExit;
  } catch (const Error& error) {
    say(error.what());
    return kErrorExit;
  }
}

}  // namespace
}  // namespace filed

int main(int argc, char** argv) {
  return filed::run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
}
