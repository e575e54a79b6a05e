// The lines that filed itself adds to a job's log: before the output, in its middle if it was cut,
// and after it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace filed {

// ">>> TEXT\n"; a newline is added if the text lacks one.
std::string log_header(std::string_view text);

// "\n\n[System Error]: CAUSE\n"; empty for an empty cause.
std::string log_trailer(std::string_view cause);

// The same for an attempt that goes on later, with the time: "\n\n[System Error]: CAUSE, TIME\n".
std::string log_break(std::string_view cause, int64_t wall_ns);

// The line in place of the bytes that were cut out at output_limit.
std::string log_gap(int64_t missing_bytes, int64_t output_limit);
// The same for bytes that were cut out because the owner of the job has reached user_bytes.
std::string log_gap(int64_t missing_bytes);

// A time as filed shows it: "2026-11-30T02:48:06.123Z".
std::string utc_time(int64_t wall_ns);

// The cause of a failure, from a wait status: "exit status 3", "signal: killed"; empty for success.
std::string wait_status_cause(int wait_status);
// The same for an attempt, which may have been killed because its memory ran out.
std::string exit_cause(int wait_status, bool out_of_memory);

// The name of a signal as Go prints it, because the program that filed follows is in Go: "hangup",
// "segmentation fault"; "signal 40" for one without a name.
std::string signal_name(int signo);

}  // namespace filed
