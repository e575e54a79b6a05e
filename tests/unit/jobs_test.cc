#include "queue/jobs.h"

#include <cstring>

#include "parts_rig.h"

using namespace filed;
using Strings = std::vector<std::string>;

namespace {

class ListRig : public JobsRig {
 public:
  Strings ls(Dir where, int64_t after = 0, bool names_only = false) {
    Strings ids;
    REQUIRE(jobs.list(
                where, after,
                [&](const Job& job) {
                  ids.push_back(job.id);
                  return true;
                },
                names_only) == 0);
    return ids;
  }
};

}  // namespace

TEST_CASE_METHOD(ListRig, "jobs without a row have their place in listings and counts") {
  Job a = add("a");
  OpenJob b = create("b");
  Job c = add("c");
  OpenJob d = create("d");
  CHECK(ls(Dir::kPending) == Strings{"a", "b", "c", "d"});
  CHECK(ls(Dir::kPending, 0, true) == Strings{"a", "b", "c", "d"});
  CHECK(ls(Dir::kPending, b.ino) == Strings{"c", "d"});
  CHECK(ls(Dir::kFailed).empty());
  CHECK(jobs.counts().of(Dir::kPending) == 4);
  bool used = false;
  CHECK(jobs.id_in_use("b", used) == 0);
  CHECK(used);
  Job found;
  CHECK(jobs.find(Dir::kPending, "b", found) == 0);
  CHECK(jobs.find(Dir::kActive, "b", found) == ENOENT);
  CHECK(jobs.get(d.ino, found) == 0);
}

TEST_CASE_METHOD(ListRig, "a listing stops where its reader says") {
  add("a");
  create("b");
  add("c");
  int seen = 0;
  REQUIRE(jobs.list(Dir::kPending, 0, [&](const Job&) { return ++seen < 2; }) == 0);
  CHECK(seen == 2);
}

TEST_CASE_METHOD(ListRig, "the size of what is written, and of a growing log, lies over the row") {
  Job job = add("j", Dir::kPending, "old");
  OpenJob file = write(job);
  clock.advance_ms(5);
  REQUIRE(uploads.write(file, 0, "a longer text") == 0);
  Job shown;
  REQUIRE(jobs.get(job.ino, shown) == 0);
  CHECK(shown.size() == 13);
  CHECK(shown.mtime_ns == clock.wall);

  Job active = add("k");
  AttemptId attempt = claim(active);
  clock.advance_ms(5);
  attempts.output(attempt, "four");
  REQUIRE(jobs.find(Dir::kActive, "k", shown) == 0);
  CHECK(shown.size() == static_cast<int64_t>(strlen(">>> text\nfour")));
  CHECK(shown.mtime_ns == clock.wall);
}

TEST_CASE_METHOD(ListRig, "a new id is checked against rows and uploads, and its length") {
  Job stored = add("stored");
  OpenJob fresh = create("fresh");
  CHECK(jobs.check_new_id("other", 0) == 0);
  CHECK(jobs.check_new_id("stored", 0) == EEXIST);
  CHECK(jobs.check_new_id("stored", stored.ino) == 0);
  CHECK(jobs.check_new_id("fresh", 0) == EEXIST);
  CHECK(jobs.check_new_id("fresh", fresh.ino) == 0);
  CHECK(jobs.check_new_id("", 0) == EINVAL);
  CHECK(jobs.check_new_id(std::string(256, 'x'), 0) == ENAMETOOLONG);
  Job job;
  CHECK(jobs.find(Dir::kPending, std::string(256, 'x'), job) == ENAMETOOLONG);
}

TEST_CASE_METHOD(ListRig, "a file shows the text or the log that it was opened on") {
  Job job = add("j", Dir::kComplete);
  add_log(job, "0123456789");
  OpenJob log = log_view(job);
  files.opened(log);
  std::string bytes;
  REQUIRE(jobs.read(log, 3, 4, bytes) == 0);
  CHECK(bytes == "3456");
  CHECK(files.log_read_to(job.ino) == 7);
  REQUIRE(jobs.read(log, 8, 100, bytes) == 0);
  CHECK(bytes == "89");
  REQUIRE(jobs.read(log, -1, 5, bytes) == 0);
  CHECK(bytes.empty());
  OpenJob text = text_view(job);
  files.opened(text);
  REQUIRE(jobs.read(text, 1, 2, bytes) == 0);
  CHECK(bytes == "ex");
}

TEST_CASE_METHOD(ListRig, "a removed job that is open is still found by its number") {
  Job job = add("j");
  OpenJob file = text_view(job);
  files.opened(file);
  files.unlink(job);
  REQUIRE(store.remove(job) == 0);
  REQUIRE(turn.end() == 0);
  Job shown;
  REQUIRE(jobs.get(job.ino, shown) == 0);
  CHECK(shown.removed);
  CHECK(jobs.find(Dir::kPending, "j", shown) == ENOENT);
  std::string bytes;
  REQUIRE(jobs.read(file, 0, 100, bytes) == 0);
  CHECK(bytes == "text");
  files.closed(file);
  CHECK(jobs.get(job.ino, shown) == ENOENT);
}
