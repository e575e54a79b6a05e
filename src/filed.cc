// The main of filed, the daemon: reads the command line and the configuration, then checks or
// serves.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "backup.h"
#include "base/files.h"
#include "base/log.h"
#include "config/options.h"
#include "daemon.h"

int main(int argc, char** argv) {
  using namespace filed;
  try {
    Options options = parse_options(std::vector<std::string>(argv + 1, argv + argc));
    if (options.help) {
      fputs(help_text().c_str(), stdout);
      return 0;
    }
    if (options.version) {
      puts("filed " FILED_VERSION);
      return 0;
    }
    if (options.backup) {
      Settings settings = options.state_file ? Settings{} : load_settings(options);
      back_up(with_real_directory(state_file_path(options, settings)), *options.backup);
      return 0;
    }
    Settings settings = load_settings(options);
    if (options.check) {
      bool is_served = check_daemon(options, settings);
      puts(is_served ? "filed: the configuration is sound; a filed serves it now"
                     : "filed: the configuration is sound");
      return 0;
    }
    log_setup(settings.daemon.log, settings.daemon.log_level);
    return run_daemon(options, settings);
  } catch (const UsageError& error) {
    print_error(error.what());
    if (argc == 1) fputs(help_text().c_str(), stderr);
    return kUsageExit;
  } catch (const std::exception& error) {
    print_error(error.what());
    return 1;
  }
}
