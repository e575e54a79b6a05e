#include "queue/stored_log.h"

#include "parts_rig.h"

using namespace filed;

TEST_CASE_METHOD(PartsRig, "a stored log is one stream of bytes across its chunks") {
  StoredLog log(store, 7);
  std::string all;
  for (size_t size : {10UL, 65'530UL, 200'000UL, 1UL}) {
    std::string piece(size, static_cast<char>('a' + all.size() % 26));
    REQUIRE(log.append(store, static_cast<int64_t>(all.size()), piece) == 0);
    all += piece;
  }
  int64_t size = 0;
  CHECK(log.size(size) == 0);
  CHECK(size == static_cast<int64_t>(all.size()));
  std::string bytes;
  CHECK(log.read(0, size, bytes) == 0);
  CHECK((bytes == all));
  for (int64_t offset : {0L, 65'535L, 65'536L, 131'000L, size - 1}) {
    CHECK(log.read(offset, 100'000, bytes) == 0);
    CHECK((bytes == all.substr(static_cast<size_t>(offset), 100'000)));
  }
  CHECK(log.read(size, 10, bytes) == 0);
  CHECK(bytes.empty());
}

TEST_CASE_METHOD(PartsRig, "an empty or removed log reads as nothing") {
  StoredLog log(store, 7);
  int64_t size = -1;
  CHECK(log.size(size) == 0);
  CHECK(size == 0);
  std::string bytes = "old";
  CHECK(log.read(0, 10, bytes) == 0);
  CHECK(bytes.empty());
}

TEST_CASE_METHOD(PartsRig, "logs with neighbouring numbers do not mix") {
  REQUIRE(StoredLog(store, 7).append(store, 0, "seven") == 0);
  REQUIRE(StoredLog(store, 8).append(store, 0, "eight") == 0);
  std::string bytes;
  CHECK(StoredLog(store, 7).read(0, 100'000, bytes) == 0);
  CHECK(bytes == "seven");
}
