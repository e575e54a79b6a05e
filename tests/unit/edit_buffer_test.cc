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
  CHECK(buffer.take() == std::string("abc\0\0de", 7));
  CHECK_FALSE(buffer.take());
  CHECK(buffer.write(0, "x", true) == 0);
  CHECK(buffer.take() == std::string("abc\0\0dex", 8));
}

TEST_CASE("a buffer that O_TRUNC has emptied is emptied until it is written") {
  EditBuffer buffer;
  buffer.start_empty();
  CHECK(buffer.is_emptied());
  CHECK_FALSE(buffer.take());
  SECTION("by write") {
    CHECK(buffer.write(0, "x", false) == 0);
    CHECK_FALSE(buffer.is_emptied());
    CHECK(buffer.take() == "x");
  }
  SECTION("by truncate") {
    buffer.truncate(0);
    CHECK_FALSE(buffer.is_emptied());
    CHECK(buffer.take() == "");
  }
  CHECK_FALSE(buffer.is_emptied());
}

TEST_CASE("a buffer has a largest size") {
  EditBuffer buffer;
  buffer.start("");
  CHECK(buffer.write(EditBuffer::kMaxSize - 1, "xy", false) == EFBIG);
  CHECK(buffer.write(SIZE_MAX, "x", false) == EFBIG);
  CHECK_FALSE(buffer.take());
  CHECK(buffer.write(EditBuffer::kMaxSize - 1, "x", false) == 0);
  CHECK(buffer.write(0, "y", true) == EFBIG);
  buffer.truncate(EditBuffer::kMaxSize + 1);
  CHECK(buffer.take()->size() == EditBuffer::kMaxSize);
}
