// What a process gets from the one that starts it, and what filed does about it at its start.
//
// The rule: how much of the machine a service may use is the admin's choice. It is kept, and the jobs
// have it, too. What changes how a program behaves is reset, because it comes from wherever filed
// was started, and neither filed nor a job expects it. The table in inherited.cc has a row for each.
#pragma once

#include <cstdint>
#include <span>

namespace filed {

// Resets what is to be reset in this process, so that its children have it, too. To be called at the
// start, before the first fork. Throws Error if jobs could not be kept from what is inherited.
void reset_inherited();

// A limit of setrlimit(2) that reset_inherited() has raised, because it could kill filed.
struct ServiceLimit {
  int resource;
  uint64_t soft;  // as the service had it
  uint64_t hard;
};
// All limits that were raised. A job gets them back. May be called between fork and exec.
std::span<const ServiceLimit> raised_limits() noexcept;

// While it lives, this process has no protection from the kernel's out-of-memory killer (a negative
// oom_score_adj), so that a child that is forked meanwhile has none.
class WithoutOomProtection {
 public:
  WithoutOomProtection();
  ~WithoutOomProtection();
  WithoutOomProtection(const WithoutOomProtection&) = delete;
  WithoutOomProtection& operator=(const WithoutOomProtection&) = delete;

 private:
  int score_;  // as it was
};

}  // namespace filed
