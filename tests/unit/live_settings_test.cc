#include "config/live_settings.h"

#include "catch.h"
#include "config/ini.h"
#include "config/keys.h"

using namespace filed;

namespace {

// Settings as read from a file; `workers` does not depend on the machine.
Settings base(std::string_view text, const std::string& source = "/etc/filed/filed.conf") {
  Settings settings;
  settings.queue.workers = 4;
  auto error = read_settings(text, ConfigScope::kFile, source, settings);
  INFO((error ? error->reason : ""));
  REQUIRE_FALSE(error);
  return settings;
}

// The line of config.ini that shows `key`, or nothing.
std::string line_of(const LiveSettings& live, const std::string& key) {
  std::string text = "\n" + live.text();
  size_t start = text.find("\n" + key + " ");
  if (start == text.npos) return {};
  return text.substr(start + 1, text.find('\n', start + 1) - start - 1);
}

void check_round_trip(LiveSettings& live) {
  std::string text = live.text();
  auto overrides = live.overrides();
  auto refusal = live.write(text);
  INFO(text << (refusal ? *refusal : ""));
  CHECK_FALSE(refusal);
  CHECK(live.overrides() == overrides);
  bool was_refused = text.starts_with("; refused");
  CHECK(live.text() == (was_refused ? text.substr(text.find('\n') + 1) : text));
}

using Overrides = std::map<std::string, std::string>;

}  // namespace

TEST_CASE("config.ini shows every key of [queue] with its source") {
  LiveSettings live(base("[queue]\nretries = 5\nbackoff = 60s\n"));
  REQUIRE_FALSE(live.write("[queue]\nretries = 5\nbackoff = 60s\nkeep_failed = 7d\n"));
  CHECK(live.text() ==
        "[queue]\n"
        "pause          = no       ; default\n"
        "workers        = 4        ; default\n"
        "retries        = 5        ; /etc/filed/filed.conf\n"
        "interruptions  = 3        ; default\n"
        "backoff        = 60s      ; /etc/filed/filed.conf\n"
        "backoff_factor = 2        ; default\n"
        "backoff_max    = 1h       ; default\n"
        "timeout        = 0        ; default\n"
        "kill_grace     = 3s       ; default\n"
        "stop_grace     = 5s       ; default\n"
        "output_limit   = 16M      ; default\n"
        "job_size_limit = 1M       ; default\n"
        "upload_limit   = 64M      ; default\n"
        "user_workers   = 0        ; default\n"
        "user_jobs      = 0        ; default\n"
        "user_bytes     = 0        ; default\n"
        "user_open      = 0        ; default\n"
        "keep_complete  = 0        ; default\n"
        "keep_failed    = 7d       ; set here\n"
        "durability     = full     ; default\n"
        "shell          = /bin/sh  ; default\n"
        "drafts         = none     ; default\n");
  check_round_trip(live);
}

TEST_CASE("a written key applies at once and is kept as set here") {
  LiveSettings live(base("[queue]\nretries = 5\n"));
  CHECK_FALSE(live.write("[queue]\nworkers = 0\nretries = 2\ntimeout = 1000ms\n"));
  CHECK(live.queue().workers == 0);
  CHECK(live.queue().retries == 2);
  CHECK(live.queue().timeout_ms == 1000);
  CHECK(live.overrides() == Overrides{{"workers", "0"}, {"retries", "2"}, {"timeout", "1s"}});
  CHECK(line_of(live, "retries") == "retries        = 2        ; set here");
  CHECK(line_of(live, "timeout") == "timeout        = 1s       ; set here");
  check_round_trip(live);
}

TEST_CASE("a key that says the same as what lies below is not set here") {
  LiveSettings live(base("[queue]\nbackoff = 60s\n"));
  CHECK_FALSE(live.write("[queue]\nbackoff = 1m\nretries = 3\n"));
  CHECK(live.overrides().empty());
  CHECK(line_of(live, "backoff") == "backoff        = 60s      ; /etc/filed/filed.conf");
}

TEST_CASE("a key that is left out falls back") {
  LiveSettings live(base("[queue]\nretries = 5\n"));
  REQUIRE_FALSE(live.write("[queue]\nworkers = 1\nretries = 2\n"));
  CHECK_FALSE(live.write("[queue]\nworkers = 1\n"));
  CHECK(live.queue().retries == 5);
  CHECK(live.overrides() == Overrides{{"workers", "1"}});
  CHECK_FALSE(live.write(""));
  CHECK(live.queue().workers == 4);
  CHECK(live.overrides().empty());
}

TEST_CASE("the heading may be left out of what is written") {
  LiveSettings live(base(""));
  CHECK_FALSE(live.write("workers = 0"));
  CHECK(live.queue().workers == 0);
}

TEST_CASE("a refused text changes nothing, and its reason is on top until the next success") {
  LiveSettings live(base(""));
  REQUIRE_FALSE(live.write("[queue]\nretries = 9\n"));
  std::string before = live.text();

  auto refused = [&](std::string_view text) {
    auto reason = live.write(text);
    REQUIRE(reason);
    CHECK(live.queue().retries == 9);
    CHECK(live.queue().workers == 4);
    CHECK(live.overrides() == Overrides{{"retries", "9"}});
    CHECK(live.text() == "; refused: " + *reason + "\n" + before);
    return *reason;
  };
  CHECK(refused("[queue]\nworkers = 2\nretries = abc\n") ==
        "line 3: retries: `abc` is not a number");
  CHECK(refused("[queue]\nretrys = 1\n") ==
        "line 2: unknown key `retrys` in [queue]; did you mean `retries`?");
  CHECK(refused("[mount]\ndir = /q\n") == "line 1: [mount] cannot be set here, only [queue]");
  CHECK(refused("[queue]\ndir = /q\n") ==
        "line 2: unknown key `dir` in [queue]; it belongs in [mount]");
  CHECK(refused("[queue]\nretries = 1\nretries = 2\n") ==
        "line 3: retries: set twice, first on line 2");
  CHECK(refused("hello\n") == "line 1: neither `key = value` nor [section]");
  CHECK(refused(std::string_view("retries = 1\n\0", 13)) == "line 2: a NUL byte");
  CHECK(refused("job_size_limit = 2M\nupload_limit = 1M\n") ==
        "line 2: upload_limit: `1M` is below job_size_limit (2M)");
  CHECK(refused(std::string(kMaxIniBytes + 1, '\n')) == "larger than 1048576 bytes");
  CHECK(refused("workers = 2\nshell = sh\n") == "line 2: shell: `sh` is not an absolute path");

  check_round_trip(live);
  CHECK(live.text() == before);
}

TEST_CASE("a reason too long for a line is cut, so that the text can be written back") {
  LiveSettings live(base(""));
  std::string value(150, '\x01');
  REQUIRE(live.write("retries = " + value));
  std::string first = live.text().substr(0, live.text().find('\n'));
  CHECK(first.size() == kMaxIniLine);
  CHECK(first.substr(first.size() - 3) == "...");
  check_round_trip(live);
}

TEST_CASE("values and file names of any length can be written back") {
  size_t length = GENERATE(100, 140, 170, 176, 180, 181, 185, 192);
  std::string shell = "/" + std::string(length - 1, 's');
  std::string source = "/" + std::string(GENERATE(10, 180, 4000), 'c');
  LiveSettings live(base("[queue]\nshell=" + shell + "\n", source));
  CHECK(live.queue().shell == shell);
  check_round_trip(live);
  CHECK(live.queue().shell == shell);

  LiveSettings set_here(base("", source));
  REQUIRE_FALSE(set_here.write("shell=" + shell));
  check_round_trip(set_here);
  CHECK(set_here.queue().shell == shell);
}

TEST_CASE("appended lines change their keys and no others") {
  LiveSettings live(base("[queue]\nretries = 5\n"));
  REQUIRE_FALSE(live.write("timeout = 9s\n"));
  REQUIRE_FALSE(live.append("pause = yes\n"));
  CHECK(live.overrides() == Overrides{{"pause", "yes"}, {"timeout", "9s"}});
  REQUIRE_FALSE(
      live.append("[queue]\nworkers = 7\nworkers = 8\nretries = 2\nretries = 5\npause = no"));
  CHECK(live.overrides() == Overrides{{"workers", "8"}, {"timeout", "9s"}});
  CHECK(live.append("workers = 1\nretrys = 2\n") ==
        std::string("line 2: unknown key `retrys` in [queue]; did you mean `retries`?"));
  CHECK(live.append("upload_limit = 4M\nretries = 2\nupload_limit = 1K\n") ==
        std::string("line 3: upload_limit: `1K` is below job_size_limit (1M)"));
  CHECK(live.append("[mount]\n") ==
        std::string("line 1: [mount] cannot be set here, only [queue]"));
  CHECK(live.overrides() == Overrides{{"workers", "8"}, {"timeout", "9s"}});
}

TEST_CASE("a check of lines sees what no later line can mend, and applies nothing") {
  LiveSettings live(base(""));
  CHECK_FALSE(live.check("retries = 1\nupload_limit = 1K\n", false));
  CHECK(live.check("retries = 1\nretries = 2\n", false) ==
        std::string("line 2: retries: set twice, first on line 1"));
  CHECK(live.text().starts_with("; refused: line 2: retries"));
  CHECK_FALSE(live.check("retries = 1\nretries = 2\n", true));
  CHECK(live.check("worker = 1\n", true));
  CHECK(live.overrides().empty());
  CHECK(live.queue().retries == 3);
}

TEST_CASE("changes are described key by key, without secrets") {
  Settings before = base("");
  Settings after = before;
  CHECK(describe_changes(before, after).empty());
  after.queue.retries = 7;
  after.queue.pause = true;
  after.limits.memory = 1 << 30;
  after.hooks.on_failure = "echo\t1";
  after.env.emplace_back("TOKEN", "secret");
  after.mount.dir = "/elsewhere";
  CHECK(describe_changes(before, after) ==
        std::vector<std::string>{
            "pause = yes (was no)", "retries = 7 (was 3)", "[limits] memory = 1G (was not set)",
            "[hooks] on_failure = echo\\x091 (was not set)", "[env] has changed"});
}

TEST_CASE("what is set here stays when the file is read again") {
  LiveSettings live(base("[queue]\nretries = 5\n"));
  REQUIRE_FALSE(live.write("retries = 7\nworkers = 2\n"));
  live.set_base(base("[queue]\nretries = 6\nbackoff = 3s\n", "/etc/other.conf"));
  CHECK(live.queue().retries == 7);
  CHECK(live.queue().workers == 2);
  CHECK(live.queue().backoff_ms == 3000);
  CHECK(line_of(live, "backoff") == "backoff        = 3s       ; /etc/other.conf");
  check_round_trip(live);

  // Once the file says the same, nothing is set here any more.
  live.set_base(base("[queue]\nretries = 7\n"));
  CHECK(live.overrides() == Overrides{{"workers", "2"}});
  live.set_base(base("[queue]\nretries = 1\n"));
  CHECK(live.queue().retries == 1);
}

TEST_CASE("what no longer goes with the file is dropped when it is read again") {
  LiveSettings live(base(""));
  REQUIRE_FALSE(live.write("job_size_limit = 4M\nretries = 1\n"));
  live.set_base(base("[queue]\nupload_limit = 2M\n"));
  CHECK(live.queue().job_size_limit == 1 << 20);
  CHECK(live.queue().upload_limit == 2 << 20);
  CHECK(live.overrides() == Overrides{{"retries", "1"}});
}

TEST_CASE("a written limit is checked against one that comes from the file") {
  LiveSettings live(base("[queue]\nupload_limit = 2M\n"));
  CHECK(live.write("retries = 1\njob_size_limit = 4M\n") ==
        std::string("line 2: upload_limit: `2M` is below job_size_limit (4M)"));
}

TEST_CASE("what was set here survives a restart") {
  LiveSettings before(base(""));
  REQUIRE_FALSE(before.write("workers = 0\nbackoff_factor = 1.1\nshell = /bin/ash\n"));
  LiveSettings after(base(""));
  after.restore(before.overrides());
  CHECK(after.text() == before.text());
  CHECK(after.overrides() == before.overrides());
  CHECK(after.queue().backoff_factor == 1.1);
}

TEST_CASE("stored keys that are unknown, no longer valid or the default are left out") {
  LiveSettings live(base("[queue]\nretries = 5\n"));
  live.restore({{"frobnicate", "1"},
                {"workers", "-1"},
                {"retries", "5"},
                {"timeout", "5s"},
                {"shell", "/bin/sh\nretries = 1"}});
  CHECK(live.overrides() == Overrides{{"timeout", "5s"}});
  CHECK(live.queue().workers == 4);
  CHECK(live.queue().retries == 5);
  CHECK(live.queue().shell == "/bin/sh");
}
