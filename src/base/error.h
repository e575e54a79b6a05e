// The exception that stops a start. It is thrown while filed reads its settings and sets itself up;
// main catches it and prints one line. Once the daemon serves, no exception leaves its loop:
// operations return an errno.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace filed {

// what() is "WHAT: WHY", ready to be printed behind the program's name.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws Error("WHAT: " + strerror(err)).
[[noreturn]] inline void throw_errno(const std::string& what, int err = errno) {
  throw Error(what + ": " + std::strerror(err));
}

}  // namespace filed
