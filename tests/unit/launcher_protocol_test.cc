// The messages between filed and its launcher.
//
// The first case is long because it has one part for each kind of message.
#include <cerrno>
#include <random>

#include "catch.h"
#include "launcher/protocol.h"

using namespace filed;

TEST_CASE("every message comes out of decode as it went into encode", "[launcher]") {
  LimitSettings limits;
  limits.memory = 1 << 30;
  limits.nice = -5;
  std::string configure = encode(ConfigureMessage{limit_values(limits), {{"A", "1"}, {"B", ""}}});
  auto decoded = decode(configure);
  REQUIRE(decoded);
  auto* c = std::get_if<ConfigureMessage>(&*decoded);
  REQUIRE(c != nullptr);
  REQUIRE(c->limits.size() == 2);
  CHECK(c->limits[0].name == "memory");
  CHECK(c->limits[0].value == 1 << 30);
  CHECK(c->limits[1].name == "nice");
  CHECK(c->limits[1].value == -5);
  REQUIRE(c->env.size() == 2);
  CHECK(c->env[1].first == "B");

  std::string start =
      encode(StartMessage{7, 1000, 1001, 2, 3, TextKind::kArgument, "id", "/bin/sh", "echo"});
  decoded = decode(start);
  REQUIRE(decoded);
  auto* s = std::get_if<StartMessage>(&*decoded);
  REQUIRE(s != nullptr);
  CHECK(s->attempt == 7);
  CHECK(s->uid == 1000);
  CHECK(s->gid == 1001);
  CHECK(s->text == "echo");

  std::string undying = encode(UndyingMessage{9, 77, 't'});
  decoded = decode(undying);
  REQUIRE(decoded);
  auto* u = std::get_if<UndyingMessage>(&*decoded);
  REQUIRE(u);
  CHECK((u->attempt == 9 && u->pid == 77 && u->state == 't'));
  CHECK_FALSE(decode(encode(UndyingMessage{9, 0, 't'})));
  CHECK_FALSE(decode(encode(UndyingMessage{9, 77, ' '})));

  std::string exited = encode(ExitedMessage{9, {0x100, 12345, 678, true}});
  decoded = decode(exited);
  REQUIRE(decoded);
  auto* e = std::get_if<ExitedMessage>(&*decoded);
  REQUIRE(e != nullptr);
  CHECK(e->exit.wait_status == 0x100);
  CHECK(e->exit.cpu_us == 12345);
  CHECK(e->exit.out_of_memory);

  std::string failed = encode(StartFailedMessage{9, "exec /bin/sh", ENOENT, Fault::kOwner});
  decoded = decode(failed);
  REQUIRE(decoded);
  auto* f = std::get_if<StartFailedMessage>(&*decoded);
  REQUIRE(f != nullptr);
  CHECK(f->step == "exec /bin/sh");
  CHECK(f->fault == Fault::kOwner);

  for (const Message& message :
       {Message(TerminateMessage{1}), Message(KillMessage{2}), Message(KilledMessage{2}),
        Message(MountedMessage{}), Message(QuitMessage{}), Message(StartedMessage{3, 4})}) {
    decoded = decode(encode(message));
    REQUIRE(decoded);
    CHECK(decoded->index() == message.index());
  }
}

TEST_CASE("decode refuses what is cut, too long, or forbidden", "[launcher]") {
  std::vector<std::string> packets = {
      encode(StartMessage{7, 1, 2, 2, 3, TextKind::kArgument, "id", "/bin/sh", "echo"}),
      encode(ConfigureMessage{{}, {{"A", "1"}}}),
      encode(KillMessage{2}),
      encode(StartedMessage{3, 4}),
      encode(StartFailedMessage{9, "exec", 2}),
      encode(UndyingMessage{1, 2, 'D'}),
      encode(ExitedMessage{}),
  };
  for (const std::string& packet : packets) {
    REQUIRE(decode(packet));
    for (size_t size = 0; size < packet.size(); ++size) CHECK_FALSE(decode(packet.substr(0, size)));
    CHECK_FALSE(decode(packet + 'x'));
  }
  CHECK_FALSE(decode(""));
  CHECK_FALSE(decode(std::string(kMaxMessage + 1, '\1')));
  using namespace std::string_literals;
  CHECK_FALSE(
      decode(encode(StartMessage{7, 1, 2, 2, 3, TextKind::kArgument, "id", "/bin/sh", "a\0b"s})));
  CHECK_FALSE(
      decode(encode(StartMessage{7, 1, 2, 2, 3, TextKind::kScript, "id", "/bin/sh", "text"})));
  CHECK_FALSE(decode(encode(StartMessage{7, 1, 2, 2, 3, TextKind{9}, "id", "/bin/sh", ""})));
  CHECK_FALSE(decode(encode(
      StartMessage{7, 1, 2, 2, 3, TextKind::kArgument, std::string(256, 'i'), "/bin/sh", ""})));
  CHECK_FALSE(decode(encode(StartMessage{7, 1, 2, 2, 3, TextKind::kArgument, "i", "", ""})));
  CHECK_FALSE(decode(encode(ConfigureMessage{{}, {{"A=", "1"}}})));
  CHECK_FALSE(decode(encode(StartedMessage{3, 0})));
  CHECK(encode(StartMessage{7, 1, 2, 2, 3, TextKind::kArgument, "i", "/bin/sh",
                            std::string(kMaxMessage, 'x')})
            .empty());
  CHECK(decode(encode(StartMessage{7, 1, 2, 2, 3, TextKind::kArgument, std::string(255, 'i'),
                                   "/bin/sh", std::string(kMaxTextArgument, 'x')})));
}

TEST_CASE("decode survives noise", "[launcher]") {
  std::mt19937 random(42);
  std::string base = encode(ConfigureMessage{{}, {{"NAME", "value"}, {"B", "2"}}});
  for (int i = 0; i < 20000; ++i) {
    std::string packet(random() % 64, '\0');
    for (char& c : packet) c = static_cast<char>(random());
    if (!packet.empty()) packet[0] = static_cast<char>(random() % 11);
    decode(packet);
    packet = base;
    for (int n = 0; n < 3; ++n) packet[random() % packet.size()] = static_cast<char>(random());
    decode(packet);
  }
  SUCCEED();
}
