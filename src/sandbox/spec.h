// What a sandbox lets through: plain data, filled in by the configuration and the command line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace filed {

struct PathGrant {
  std::string path;
  bool writable = false;      // false: read and execute; true: everything
  bool must_be_file = false;  // -rof and -rwf: a directory is an error

  bool operator==(const PathGrant&) const = default;
};

enum class Network { kAll, kNone };

struct SandboxSpec {
  std::vector<PathGrant> paths;
  std::vector<uint16_t> connect;  // TCP ports; empty: not limited
  std::vector<uint16_t> bind;     // TCP ports; empty: not limited
  Network network = Network::kAll;
  bool required = true;  // false: what the kernel cannot enforce is a warning

  // Nothing was asked for: jobs are not confined.
  bool empty() const {
    return paths.empty() && connect.empty() && bind.empty() && network == Network::kAll;
  }
};

}  // namespace filed
