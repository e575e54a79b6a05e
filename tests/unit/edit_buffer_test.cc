#include "mount/edit_buffer.h"

#include <cerrno>

#include "catch.h"

using namespace filed;

TEST_CASE("a buffer shows the text of the open, from anywhere") {
  EditBuffer buffer;
  buffer.start("workers = 3\n");
  CHECK(buffer.read(0, 100) == "workers = 3\n");
  CHECK(buffer.read(10, 1) == "3");
  CHECK(buffer.read(12, 5).empty());
  CHECK(buffer.read(99, 5).empty());
  CHECK_FALSE(buffer.take());
  CHECK_FALSE(buffer.is_emptied());
}

TEST_CASE("a written text is taken once") {
  EditBuffer buffer;
  buffer.start("abc");
  CHECK(buffer.write(5, "de", false) == 0);
  CHECK(buffer.take()->text == std::string("\0\0de", 4));
  CHECK_FALSE(buffer.take());
  CHECK(buffer.write(0, "x", true) == 0);
  CHECK(buffer.take()->text == "x");
}

TEST_CASE("what is behind the text that was shown is an append, until that text is touched") {
  EditBuffer buffer;
  buffer.start("abc\n");
  CHECK_FALSE(buffer.edited_size());
  auto is = [&](const std::string& text, bool appended) {
    auto edit = buffer.take();
    REQUIRE(edit);
    CHECK(edit->text == text);
    CHECK(edit->appended == appended);
  };
  REQUIRE(buffer.write(0, "d\n", true) == 0);
  CHECK(buffer.edited_size() == 6);
  is("d\n", true);
  REQUIRE(buffer.write(6, "e\n", false) == 0);
  is("e\n", true);
  buffer.truncate(8);
  is("", true);
  SECTION("by a write") {
    REQUIRE(buffer.write(7, "x\n", false) == 0);
    is("abc\nd\nex\n", false);
  }
  SECTION("by a truncate") {
    buffer.truncate(2);
    is("ab", false);
  }
  REQUIRE(buffer.write(0, "z", true) == 0);
  CHECK_FALSE(buffer.take()->appended);
}

TEST_CASE("lines are complete up to the latest write") {
  EditBuffer buffer;
  buffer.start("old line\nanother\n");
  REQUIRE(buffer.write(0, "a\nb", false) == 0);
  CHECK(buffer.complete_lines().text == "a\n");
  REQUIRE(buffer.write(3, "\nc\n", false) == 0);
  CHECK(buffer.complete_lines().text == "a\nb\nc\n");
  buffer.start("old\n");
  REQUIRE(buffer.write(0, "a\nb", true) == 0);
  CHECK(buffer.complete_lines().text == "a\n");
  CHECK(buffer.complete_lines().appended);
  buffer.start("old\n");
  REQUIRE(buffer.write(0, "a", true) == 0);
  CHECK(buffer.complete_lines().text.empty());
}

TEST_CASE("a refused edit is not taken, until it is begun anew") {
  EditBuffer buffer;
  buffer.start_empty();
  REQUIRE(buffer.write(0, "bad\n", false) == 0);
  buffer.refuse(EINVAL);
  CHECK(buffer.refused() == EINVAL);
  CHECK(buffer.write(4, "good\n", false) == EINVAL);
  buffer.truncate(1);
  CHECK(buffer.refused() == EINVAL);
  CHECK_FALSE(buffer.take());
  buffer.truncate(0);
  CHECK(buffer.refused() == 0);
  REQUIRE(buffer.write(0, "good\n", false) == 0);
  CHECK(buffer.take()->text == "good\n");
}

TEST_CASE("a buffer that O_TRUNC has emptied is emptied until it is written") {
  EditBuffer buffer;
  buffer.start_empty();
  CHECK(buffer.is_emptied());
  CHECK_FALSE(buffer.take());
  SECTION("by write") {
    CHECK(buffer.write(0, "x", false) == 0);
    CHECK_FALSE(buffer.is_emptied());
    CHECK(buffer.take()->text == "x");
  }
  SECTION("by truncate") {
    buffer.truncate(0);
    CHECK_FALSE(buffer.is_emptied());
    CHECK(buffer.take()->text.empty());
  }
  CHECK_FALSE(buffer.is_emptied());
}

TEST_CASE("a buffer has a largest size") {
  EditBuffer buffer;
  buffer.start("");
  CHECK(buffer.write(EditBuffer::kMaxSize - 1, "xy", false) == EFBIG);
  CHECK(buffer.refused() == EFBIG);
  CHECK_FALSE(buffer.take());
  buffer.start("");
  CHECK(buffer.write(SIZE_MAX, "x", false) == EFBIG);
  buffer.start("");
  CHECK(buffer.write(EditBuffer::kMaxSize - 1, "x", false) == 0);
  CHECK(buffer.take());
  CHECK(buffer.write(0, "y", true) == EFBIG);
  buffer.start("");
  buffer.truncate(EditBuffer::kMaxSize + 1);
  CHECK(buffer.take()->text.size() == EditBuffer::kMaxSize);
}
