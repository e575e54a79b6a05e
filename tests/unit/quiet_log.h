// While it lives, the daemon's log is silent: a test provokes what would fill it.
#pragma once

#include "base/log.h"

class QuietLog {
 public:
  QuietLog() { filed::log_setup(filed::LogTarget::kStderr, static_cast<filed::LogLevel>(-1)); }
  ~QuietLog() { filed::log_setup(filed::LogTarget::kStderr, filed::LogLevel::kInfo); }
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;
};
