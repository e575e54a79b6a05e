#include "config/ini.h"

#include <ini.h>

#include <vector>

#include "catch.h"

using namespace filed;

namespace {

// Writes down what it is told, and refuses what is called "bad".
class Recorder final : public IniSink {
 public:
  bool on_section(std::string_view section, std::string& reason) override {
    heard.push_back("[" + std::string(section) + "]");
    if (section != "bad") return true;
    reason = "bad section";
    return false;
  }

  bool on_value(int line, std::string_view section, std::string_view name, std::string_view value,
                std::string& reason) override {
    heard.push_back(std::to_string(line) + " " + std::string(section) + "/" + std::string(name) +
                    "=" + std::string(value));
    if (name != "bad") return true;
    reason = "bad key";
    return false;
  }

  std::vector<std::string> heard;
};

std::vector<std::string> heard(std::string_view text) {
  Recorder recorder;
  auto error = parse_ini(text, recorder);
  INFO((error ? error->reason : ""));
  REQUIRE_FALSE(error);
  return recorder.heard;
}

// "LINE: reason" of the text's first error.
std::string error(std::string_view text) {
  Recorder recorder;
  auto found = parse_ini(text, recorder);
  return found ? std::to_string(found->line) + ": " + found->reason : "none";
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("an INI text is handed over with its line numbers") {
  CHECK(heard("").empty());
  CHECK(heard("top = 0\n\n[a]\n# comment\nx = 1\n; comment\ny=2 ; comment\n[b]\nz: 3") ==
        Lines{"1 /top=0", "[a]", "5 a/x=1", "7 a/y=2", "[b]", "9 b/z=3"});
}

TEST_CASE("a value keeps a semicolon that follows no blank, and loses what follows one that does") {
  CHECK(heard("x = a;b\ny = a ;b\nz =\n") == Lines{"1 /x=a;b", "2 /y=a", "3 /z="});
}

TEST_CASE("a byte order mark and carriage returns are no part of the text") {
  CHECK(heard("\xEF\xBB\xBF[a]\r\nx = 1\r\n") == Lines{"[a]", "2 a/x=1"});
  CHECK(heard("\xEF\xBB\xBFx = 1") == Lines{"1 /x=1"});
}

TEST_CASE("an indented line never continues the one before") {
  CHECK(heard("[a]\n  x = 1\n\ty = 2\n  [b]\n  ; comment\n z = 3\n") ==
        Lines{"[a]", "2 a/x=1", "3 a/y=2", "[b]", "6 b/z=3"});
  CHECK(error("[a]\nx = 1\n  and more\n") == "3: neither `key = value` nor [section]");
}

TEST_CASE("a line longer than the buffer of inih is an error, not two lines") {
  REQUIRE(kMaxIniLine == INI_MAX_LINE - 2);
  std::string longest = "x=" + std::string(kMaxIniLine - 2, 'v');
  CHECK(heard(longest + "\n" + longest) == Lines{"1 /" + longest, "2 /" + longest});
  CHECK(error("a=1\n" + longest + "v\n") == "2: a line of 199 bytes; at most 198 can be read");
  CHECK(error("a=1\n" + longest + "v") == "2: a line of 199 bytes; at most 198 can be read");
  CHECK(error("; " + std::string(5000, 'c') + "\n") ==
        "1: a line of 5002 bytes; at most 198 can be read");
}

TEST_CASE("a NUL byte is an error") {
  using namespace std::string_literals;
  CHECK(error("a=1\nb=2\0c\n"s) == "2: a NUL byte");
  CHECK(error("\0"s) == "1: a NUL byte");
}

TEST_CASE("a line that is neither key nor section is an error") {
  CHECK(error("[a]\nx\n") == "2: neither `key = value` nor [section]");
  CHECK(error("[a]\nx ; = 1\n") == "2: neither `key = value` nor [section]");
  CHECK(error("= 1\n") == "1: no key before the `=`");
  CHECK(error("[a\n") == "1: no `]` behind the section's name");
  CHECK(error("[a] x = 1\n") == "1: text behind the [section]; a key needs a line of its own");
  CHECK(error("[a] ; x = 1\n[b]# y\n") == "none");
}

TEST_CASE("reading stops at the first error, whoever finds it") {
  Recorder recorder;
  auto first = parse_ini("a=1\nbad=2\nc=3\n[bad]\nnonsense\n", recorder);
  REQUIRE(first);
  CHECK(first->line == 2);
  CHECK(first->reason == "bad key");
  CHECK(recorder.heard == Lines{"1 /a=1", "2 /bad=2"});

  CHECK(error("nonsense\nbad=2\n") == "1: neither `key = value` nor [section]");
  CHECK(error("nonsense\n[bad]\n") == "1: neither `key = value` nor [section]");
  CHECK(error("[bad]\nnonsense\n") == "1: bad section");
  CHECK(error("nonsense\n" + std::string(300, 'x')) == "1: neither `key = value` nor [section]");
}

TEST_CASE("a text that is too large is refused whole") {
  CHECK(error(std::string(kMaxIniBytes, '\n')) == "none");
  CHECK(error(std::string(kMaxIniBytes + 1, '\n')) == "0: larger than 1048576 bytes");
}
