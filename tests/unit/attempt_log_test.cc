#include "queue/attempt_log.h"

#include <optional>
#include <random>

#include "catch.h"
#include "fault_vfs.h"
#include "queue/log_text.h"
#include "quiet_log.h"
#include "temp_dir.h"

using namespace filed;

namespace {

constexpr int64_t kChunk = Store::kChunkSize;
constexpr int64_t kLimit = 4000;  // its tail is 1000 bytes

// Bytes that tell where they were: no two positions read alike for long.
std::string pattern(size_t size) {
  std::string bytes;
  for (size_t i = 0; bytes.size() < size; ++i) bytes += std::to_string(i) + ' ';
  bytes.resize(size);
  return bytes;
}

class LogRig {
 public:
  LogRig() { store.emplace(dir.file("db")); }

  // Saves as the queue does.
  void save(AttemptLog& log, bool all) {
    REQUIRE(log.save(*store, all) == 0);
    REQUIRE(store->commit() == 0);
    log.saved();
  }

  std::string stored(int64_t log) {
    int64_t size = 0;
    REQUIRE(store->log_size(log, size) == 0);
    std::string all;
    std::string piece;
    for (int64_t chunk = 0; chunk * kChunk < size; ++chunk) {
      REQUIRE(store->read_chunk(log, chunk, 0, kChunk, piece) == 0);
      all += piece;
    }
    CHECK(static_cast<int64_t>(all.size()) == size);
    return all;
  }

  // Reads on from `offset` until the end, `size` bytes at a time, as cat(1) does.
  std::string read_on(AttemptLog& log, AttemptLog::Reader& reader, int64_t& offset, int64_t size) {
    std::string all;
    std::string piece;
    do {
      REQUIRE(log.read(*store, reader, offset, size, piece) == 0);
      CHECK(static_cast<int64_t>(piece.size()) <= size);
      all += piece;
      offset += static_cast<int64_t>(piece.size());
    } while (!piece.empty());
    return all;
  }

  QuietLog quiet;
  FaultDisk disk;
  TempDir dir;
  std::optional<Store> store;
};

}  // namespace

TEST_CASE_METHOD(LogRig, "a log is stored in chunks, whole ones first") {
  AttemptLog log(7, 16 << 20, ">>> x\n");
  std::string output = pattern(3 * kChunk + 100);
  log.append(output);
  CHECK(log.unsaved() == 3 * kChunk + 106);
  save(log, false);
  CHECK(log.unsaved() == 106);
  CHECK(log.held() == 106);
  CHECK(stored(7) == (">>> x\n" + output).substr(0, 3 * kChunk));
  save(log, true);
  CHECK(log.unsaved() == 0);
  CHECK(stored(7) == ">>> x\n" + output);

  log.append("more");  // the last chunk is written again
  log.finish("end\n");
  CHECK(log.size() == 3 * kChunk + 106 + 8);
  save(log, true);
  CHECK(stored(7) == ">>> x\n" + output + "moreend\n");
}

TEST_CASE_METHOD(LogRig, "what could not be committed is saved again, whole") {
  AttemptLog log(7, 16 << 20, "");
  std::string output = pattern(2 * kChunk + 10);
  log.append(output.substr(0, kChunk + 5));
  REQUIRE(log.save(*store, true) == 0);
  store->rollback();
  log.append(output.substr(kChunk + 5));
  save(log, false);
  CHECK(stored(7) == output.substr(0, 2 * kChunk));
  save(log, true);
  CHECK(stored(7) == output);
}

TEST_CASE_METHOD(LogRig, "output of exactly output_limit is not cut, one byte more is") {
  int64_t more = GENERATE(-1, 0, 1, 2, 999, 1000, 1001, 5000, 600'000);
  size_t step = GENERATE(1, 7, 1000, 100'000'000);
  if (step == 1 && more > 5000) return;
  INFO("limit + " << more << " bytes, " << step << " at a time");
  std::string output = pattern(static_cast<size_t>(kLimit + more));
  AttemptLog log(9, kLimit, ">>> x\n");
  for (size_t at = 0; at < output.size(); at += step) {
    log.append(std::string_view(output).substr(at, step));
    CHECK(log.size() == 6 + static_cast<int64_t>(std::min(at + step, output.size())));
  }
  log.finish("THE END");
  save(log, true);
  std::string expected = output;
  if (more > 0) {
    expected = output.substr(0, 3000) + log_gap(more, kLimit) + output.substr(output.size() - 1000);
  }
  CHECK((stored(9) == ">>> x\n" + expected + "THE END"));
  CHECK(log.size() == static_cast<int64_t>(expected.size()) + 13);
}

TEST_CASE_METHOD(LogRig, "output_limit may be nothing at all") {
  AttemptLog log(9, 0, ">>> x\n");
  log.append("abc");
  log.append("def");
  log.finish("");
  save(log, true);
  CHECK(stored(9) == ">>> x\n" + log_gap(6, 0));
}

TEST_CASE_METHOD(LogRig, "a reader of a running attempt sees all that was printed so far") {
  AttemptLog log(7, 16 << 20, ">>> x\n");
  AttemptLog::Reader reader;
  int64_t offset = 0;
  CHECK(read_on(log, reader, offset, 100) == ">>> x\n");
  std::string output = pattern(2 * kChunk + 77);
  log.append(output.substr(0, kChunk));
  std::string seen = read_on(log, reader, offset, 1000);
  save(log, GENERATE(true, false));
  log.append(output.substr(kChunk));
  seen += read_on(log, reader, offset, 4096);
  CHECK((seen == output));
  log.finish("end");
  save(log, true);
  CHECK(read_on(log, reader, offset, 4096) == "end");
  std::string bytes = "x";
  CHECK(log.read(*store, reader, offset + 1000, 10, bytes) == 0);
  CHECK(bytes.empty());
}

TEST_CASE_METHOD(LogRig, "a slow reader crosses the cut once, and reads on to the end") {
  AttemptLog log(7, kLimit, "");
  AttemptLog::Reader reader;
  int64_t offset = 0;
  std::string output = pattern(20'000);
  log.append(output.substr(0, 3500));
  bool reads_early = GENERATE(true, false);
  std::string seen;
  if (reads_early) seen = read_on(log, reader, offset, 512);
  log.append(output.substr(3500, 10'000));
  bool reads_between = GENERATE(true, false);
  if (reads_between) seen += read_on(log, reader, offset, 512);
  log.append(output.substr(13'500));
  bool reads_late = GENERATE(true, false);
  if (reads_late) seen += read_on(log, reader, offset, 512);
  log.finish("\nend\n");
  save(log, true);
  seen += read_on(log, reader, offset, 512);

  // The head, then pieces with a line wherever something is missing before them, then the end.
  std::string expected_end = output.substr(output.size() - 1000) + "\nend\n";
  CHECK(seen.starts_with(output.substr(0, reads_early ? 3500 : 3000)));
  CHECK(seen.ends_with("\nend\n"));
  if (!reads_late) CHECK(seen.ends_with(expected_end));
  size_t gaps = 0;
  int64_t missing = 0;
  std::string rest = seen;
  for (size_t at; (at = rest.find("\n\n[System Error]: output limit ")) != rest.npos; ++gaps) {
    size_t number = rest.find(": ", at + 20) + 2;
    missing += atoll(rest.c_str() + number);
    rest.erase(at, rest.find("here\n\n", at) + 6 - at);
  }
  CHECK(gaps == (reads_between ? 2u : 1u));
  CHECK(static_cast<int64_t>(rest.size()) + missing == static_cast<int64_t>(output.size()) + 5);
}

TEST_CASE_METHOD(LogRig,
                 "a reader that goes back to the start after the cut reads the head again") {
  AttemptLog log(7, kLimit, "");
  AttemptLog::Reader reader;
  int64_t offset = 0;
  std::string output = pattern(20'000);
  log.append(output);
  std::string first = read_on(log, reader, offset, 512);
  offset = 0;
  CHECK((read_on(log, reader, offset, 512) == first));
  offset = 0;
  log.finish("");
  save(log, true);
  CHECK((read_on(log, reader, offset, 512) == stored(7)));
}

TEST_CASE_METHOD(LogRig, "a copy of a log brings it back to where it was") {
  AttemptLog log(7, kLimit, ">>> x\n");
  std::string output = pattern(10'000);
  log.append(output.substr(0, 6000));
  save(log, true);
  AttemptLog copy = log;
  log.finish("stopped");
  REQUIRE(log.save(*store, true) == 0);
  store->rollback();
  log = copy;
  CHECK_FALSE(log.finished());
  log.append(output.substr(6000));
  log.finish("");
  save(log, true);
  CHECK((stored(7) ==
         ">>> x\n" + output.substr(0, 3000) + log_gap(6000, kLimit) + output.substr(9000)));
}

TEST_CASE_METHOD(LogRig, "memory holds no more than the last chunk and the tail") {
  AttemptLog log(7, 1 << 20, "");
  std::string output = pattern(100'000);
  for (int i = 0; i < 100; ++i) {
    log.append(output);
    if (i % 3 == 0) save(log, false);
    CHECK(log.held() <= kChunk + 300'000);
  }
  save(log, false);
  CHECK(log.held() < kChunk);
  log.finish("");
  save(log, true);
  CHECK(log.held() < kChunk);
}

TEST_CASE_METHOD(LogRig, "output that the owner has no room for is cut, and its end is kept") {
  int64_t room = GENERATE(0, 3, 100, 4000, 4100);
  size_t step = GENERATE(1, 7, 100'000'000);
  INFO("room for " << room << " bytes, " << step << " at a time");
  std::string output = pattern(5000);
  AttemptLog log(9, 1 << 20, ">>> x\n", room);
  auto header = log.stored_size();
  for (size_t at = 0; at < output.size(); at += step) {
    int64_t used = log.stored_size() - header;
    log.append(std::string_view(output).substr(at, step), room - used);
    CHECK(log.stored_size() - header <= room);
    CHECK(log.size() == 6 + static_cast<int64_t>(std::min(at + step, output.size())));
  }
  log.finish("");
  save(log, true);
  auto tail = static_cast<size_t>(room / 4);
  auto head = static_cast<size_t>(room) - tail;
  CHECK(stored(9) == ">>> x\n" + output.substr(0, head) + log_gap(5000 - room) +
                         output.substr(output.size() - tail));
}

TEST_CASE_METHOD(LogRig, "the end of a cut output is shorter if other attempts take the room") {
  AttemptLog log(9, 4000, "");
  log.append(pattern(3500));
  log.append("abcdef", 2);
  CHECK(log.stored_size() == 3502);
  log.append("ghi", 0);
  log.finish("");
  save(log, true);
  CHECK(stored(9).ends_with("hi"));
}

TEST_CASE_METHOD(LogRig, "a log goes on where it stopped, within one limit") {
  std::string header = ">>> x\n";
  std::string output = pattern(20'000);
  size_t first = GENERATE(0, 100, 3000, 3500, 4000, 4001, 10'000);
  size_t second = GENERATE(0, 100, 1000, 10'000);
  size_t printed = first;
  bool crashes = GENERATE(true, false);
  INFO(first << " bytes, then " << second);
  {
    AttemptLog log(7, kLimit, header);
    log.append(output.substr(0, first));
    if (!crashes) log.pause("BREAK");
    save(log, true);
  }
  std::string before = stored(7);
  if (crashes || first > 4000) printed = std::min<size_t>(first, 3000);  // the tail is lost
  CHECK(before.starts_with(header + output.substr(0, printed)));
  auto log = AttemptLog::resume(*store, 7, kLimit, static_cast<int64_t>(header.size()));
  CHECK(log->size() == static_cast<int64_t>(before.size()));
  CHECK(log->unsaved() == 0);
  AttemptLog::Reader reader;
  int64_t offset = 0;
  CHECK((read_on(*log, reader, offset, 512) == before));
  log->append(std::string_view(output).substr(0, second));
  log->finish("END");
  save(*log, true);
  std::string all = stored(7);
  CHECK(all.starts_with(before));
  CHECK(all.ends_with("END"));
  int64_t room = std::max<int64_t>(0, kLimit - static_cast<int64_t>(before.size() - header.size()));
  auto added = static_cast<int64_t>(all.size() - before.size() - 3);
  if (static_cast<int64_t>(second) <= room) {
    CHECK((all == before + output.substr(0, second) + "END"));
  } else {
    std::string gap = log_gap(static_cast<int64_t>(second) - room, kLimit);
    CHECK(added == room + static_cast<int64_t>(gap.size()));
    CHECK(all.find(gap) != all.npos);
    // What is cut has an end.
    if (crashes || first > 4000) CHECK(all.ends_with(output.substr(second - 800, 800) + "END"));
  }
}

TEST_CASE_METHOD(LogRig, "a log of several chunks goes on in its last one") {
  size_t size = GENERATE(kChunk - 1, kChunk, kChunk + 1, 2 * kChunk + 100);
  std::string output = pattern(size);
  {
    AttemptLog log(7, 1 << 20, "");
    log.append(output);
    save(log, true);
  }
  auto log = AttemptLog::resume(*store, 7, 1 << 20, 0);
  CHECK(log->held() < kChunk);
  log->append("more");
  save(*log, true);
  CHECK((stored(7) == output + "more"));
}

TEST_CASE_METHOD(LogRig, "a log of which nothing was stored begins at 0") {
  CHECK(AttemptLog::resume(*store, 8, 1 << 20, 100)->size() == 0);
}
