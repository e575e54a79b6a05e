#include "queue/log_text.h"

#include <sys/wait.h>

#include <csignal>

#include "catch.h"
#include "wait_status.h"

using namespace filed;

TEST_CASE("a log opens with the job's text behind >>> and one newline") {
  CHECK(log_header("echo 'hello world'") == ">>> echo 'hello world'\n");
  CHECK(log_header("echo 'hello world'\n") == ">>> echo 'hello world'\n");
  CHECK(log_header("a\nb") == ">>> a\nb\n");
  CHECK(log_header("a\n\n") == ">>> a\n\n");
  CHECK(log_header("\n") == ">>> \n");
}

TEST_CASE("a failed attempt's log ends with an empty line's worth of separation and the cause") {
  CHECK(log_trailer("exit status 127") == "\n\n[System Error]: exit status 127\n");
  CHECK(log_trailer("").empty());
}

TEST_CASE("the line that stands for missing output says how much is missing, and why") {
  CHECK(log_gap(123, 16 << 20) ==
        "\n\n[System Error]: output limit 16M: 123 bytes left out here\n\n");
  CHECK(log_gap(123) ==
        "\n\n[System Error]: the owner has reached user_bytes: 123 bytes left out here\n\n");
}

TEST_CASE("the cause of a failure is its exit status or its signal") {
  CHECK(wait_status_cause(exited_with(0)).empty());
  CHECK(wait_status_cause(exited_with(1)) == "exit status 1");
  CHECK(wait_status_cause(exited_with(127)) == "exit status 127");
  CHECK(wait_status_cause(exited_with(255)) == "exit status 255");
  CHECK(wait_status_cause(killed_by(SIGKILL)) == "signal: killed");
  CHECK(wait_status_cause(killed_with_core(SIGSEGV)) == "signal: segmentation fault");
}

TEST_CASE("signals have Go's names") {
  CHECK(signal_name(SIGHUP) == "hangup");
  CHECK(signal_name(SIGINT) == "interrupt");
  CHECK(signal_name(SIGQUIT) == "quit");
  CHECK(signal_name(SIGABRT) == "aborted");
  CHECK(signal_name(SIGKILL) == "killed");
  CHECK(signal_name(SIGTERM) == "terminated");
  CHECK(signal_name(SIGPIPE) == "broken pipe");
  CHECK(signal_name(SIGFPE) == "floating point exception");
  CHECK(signal_name(SIGXCPU) == "CPU time limit exceeded");
  CHECK(signal_name(SIGUSR1) == "user defined signal 1");
  CHECK(signal_name(SIGRTMIN + 6) == "signal " + std::to_string(SIGRTMIN + 6));
}

TEST_CASE("every classic signal has a name of its own") {
  for (int signo = 1; signo < 32; ++signo) {
    if (signo == SIGSTKFLT) continue;  // Linux never sends it
    CHECK_FALSE(signal_name(signo).starts_with("signal "));
    for (int other = 1; other < signo; ++other) CHECK(signal_name(other) != signal_name(signo));
  }
}
