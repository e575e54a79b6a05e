#include "queue/user_caps.h"

#include <cerrno>

#include "parts_rig.h"
#include "queue_rig.h"

using namespace filed;

namespace {

constexpr int64_t kRow = UserCaps::kRowBytes;

class CapsRig : public QueueRig {
 public:
  // Sets the caps, with workers to run something.
  void cap(int64_t jobs, int64_t bytes, int64_t open, int workers = 0) {
    set([&](QueueSettings& queue) {
      queue.user_jobs = jobs;
      queue.user_bytes = bytes;
      queue.user_open = open;
      queue.workers = workers;
      queue.retries = 0;
    });
  }

  int create(const std::string& id, OpenJob& file, const Caller& caller = kAlice) {
    Job job;
    return queue->create(kPending, id, 0644, caller, job, file);
  }

  // Runs a job that has printed so much.
  void run_printing(const std::string& id, size_t size) {
    REQUIRE(submit(id, "true") == 0);
    begin(id);
    print(id, std::string(size, 'x'));
  }

  int chown(Dir where, const std::string& id, uid_t uid) {
    AttributeChange change;
    change.uid = uid;
    Job changed;
    if (int error = queue->set_attributes(job(where, id).ino, change, changed)) return error;
    return turn();
  }
};

std::string text_of(size_t size) { return std::string(size, 'x'); }

}  // namespace

TEST_CASE_METHOD(CapsRig, "user_jobs holds for an owner, and neither for another nor for root") {
  cap(2, 0, 0);
  CHECK(submit("a1", "x") == 0);
  OpenJob file;
  REQUIRE(create("a2", file) == 0);
  CHECK(submit("a3", "x") == EDQUOT);
  CHECK(submit("b", "x", kBob) == 0);
  for (const char* id : {"r1", "r2", "r3"}) CHECK(submit(id, "x", kRoot) == 0);

  SECTION("an unstored job counts until it is gone") {
    REQUIRE(queue->write(file, 0, "x") == 0);
    REQUIRE(queue->remove(kPending, "a2") == 0);
    CHECK(submit("a3", "x") == 0);
    queue->close(file);
    turn();
    CHECK(submit("a4", "x") == EDQUOT);
  }
  SECTION("it counts once when it is stored") {
    REQUIRE(queue->write(file, 0, "x") == 0);
    CHECK(flush(file) == 0);
    queue->close(file);
    turn();
    CHECK(submit("a3", "x") == EDQUOT);
    CHECK(rm(kPending, "a2") == 0);
    CHECK(submit("a3", "x") == 0);
  }
  SECTION("a commit that fails changes nothing") {
    REQUIRE(queue->write(file, 0, "x") == 0);
    disk.fail(1, SQLITE_FULL, 1'000'000);
    CHECK(flush(file) != 0);
    disk.fail(0);
    CHECK(submit("a3", "x") == EDQUOT);
    queue->close(file);
    turn();
    CHECK(submit("a3", "x") == 0);
  }
}

TEST_CASE_METHOD(CapsRig, "chown beyond a cap of the new owner is refused, and moves what counts") {
  cap(2, 10'000, 0);
  CHECK(submit("a1", text_of(3000)) == 0);
  CHECK(submit("b1", text_of(5000), kBob) == 0);
  CHECK(chown(kPending, "a1", kBob.uid) == EDQUOT);  // bytes
  CHECK(submit("a2", "x") == 0);
  CHECK(submit("a3", "x") == EDQUOT);
  CHECK(chown(kPending, "a2", kBob.uid) == 0);
  CHECK(submit("a3", "x") == 0);
  CHECK(chown(kPending, "a3", kBob.uid) == EDQUOT);  // jobs
  CHECK(chown(kPending, "a3", kAlice.uid) == 0);     // no change
  CHECK(chown(kPending, "a3", 0) == 0);
  OpenJob file;
  REQUIRE(create("new", file) == 0);
  CHECK(chown(kPending, "new", kBob.uid) == EDQUOT);
  CHECK(submit("a4", "x") == EDQUOT);
  CHECK(chown(kPending, "new", kRoot.uid) == 0);
  CHECK(submit("a4", "x") == 0);
}

TEST_CASE_METHOD(CapsRig, "user_bytes holds at create, write and close") {
  cap(0, 3 * kRow + 1000, 0);
  CHECK(submit("a1", text_of(500)) == 0);
  OpenJob file;
  REQUIRE(create("a2", file) == 0);
  CHECK(queue->write(file, 0, text_of(kRow + 501)) == EDQUOT);
  CHECK(queue->flush(file) == EDQUOT);
  queue->close(file);
  turn();
  CHECK_FALSE(is_in(kPending, "a2"));

  OpenJob first, second;
  REQUIRE(create("a2", first) == 0);
  REQUIRE(create("a3", second) == 0);
  OpenJob none;
  CHECK(create("a4", none) == EDQUOT);
  CHECK(create("b", none, kBob) == 0);
  REQUIRE(queue->write(first, 0, text_of(300)) == 0);
  REQUIRE(queue->write(second, 0, text_of(300)) == 0);
  CHECK(flush(first) == 0);
  CHECK(flush(second) == EDQUOT);
  for (OpenJob* open : {&first, &second, &none}) queue->close(*open);
  turn();
  CHECK_FALSE(is_in(kPending, "a3"));
  CHECK(job(kPending, "a2").text_size == 300);
}

TEST_CASE_METHOD(CapsRig, "a text may be replaced by one that is not longer, however full it is") {
  cap(0, 2000, 0);
  CHECK(submit("a", text_of(900)) == 0);
  cap(0, 1000, 0);
  OpenJob file = open(kPending, "a", true, true);
  CHECK(queue->write(file, 0, text_of(900)) == 0);
  CHECK(flush(file) == 0);
  CHECK(queue->write(file, 0, text_of(901)) == EDQUOT);
  queue->close(file);
  turn();
  CHECK(rm(kPending, "a") == 0);
}

TEST_CASE_METHOD(CapsRig, "output beyond user_bytes is cut, with the cause in the log") {
  cap(0, kRow + 5000, 0, 1);
  REQUIRE(submit("a", "true") == 0);
  begin("a");
  std::string head = text_of(3000), middle(9000, 'm'), tail(1000, 't');
  print("a", head);
  CHECK(submit("more", text_of(2000)) == EDQUOT);
  print("a", middle);
  print("a", tail);
  exit("a", 0);
  // The text is stored twice: in the row, and in the log's first line. The end gets a quarter of the
  // room that there was at the start.
  std::string log = cat(kComplete, "a");
  CHECK(log.find(log_gap(9000 + 1000 - 1987)) != std::string::npos);
  CHECK(log.starts_with(">>> true\n" + head));
  CHECK(log.substr(log.size() - 1000) == tail);
  CHECK(log.size() < 5000 + log_gap(10'000).size());
  CHECK(submit("b", text_of(4000), kBob) == 0);
  CHECK(submit("more", text_of(10)) == EDQUOT);
  CHECK(rm(kComplete, "a") == 0);
  CHECK(submit("more", text_of(4000)) == 0);
}

TEST_CASE_METHOD(CapsRig, "what attempts print is charged once, also after a commit that failed") {
  cap(0, 2 * kRow + 6000, 0, 1);
  run_printing("a", 3000);
  disk.fail(1, SQLITE_FULL, 1'000'000);
  exit("a", 0);
  disk.fail(0);
  CHECK(submit("b", text_of(3000)) == EDQUOT);
  pass_ms(2000);
  REQUIRE(is_in(kComplete, "a"));
  CHECK(submit("b", text_of(3000)) == EDQUOT);
  CHECK(submit("b", text_of(2900)) == 0);
}

TEST_CASE_METHOD(CapsRig, "an attempt that is stopped or removed is charged by its row alone") {
  cap(0, 2 * kRow + 9000, 0, 1);
  run_printing("a", 6000);
  SECTION("stopped") {
    REQUIRE(mv(kActive, "a", kFailed) == 0);
    CHECK(submit("b", text_of(3000)) == EDQUOT);
    CHECK(submit("b", text_of(2000)) == 0);
  }
  SECTION("removed") {
    REQUIRE(rm(kActive, "a") == 0);
    CHECK(submit("b", text_of(9000)) == 0);
  }
  SECTION("removed, and still being read") {
    pass_ms(2000);
    OpenJob reader = open(kActive, "a");
    REQUIRE(rm(kActive, "a") == 0);
    CHECK(submit("b", text_of(6000)) == EDQUOT);
    queue->close(reader);
    turn();
    CHECK(submit("b", text_of(9000)) == 0);
  }
}

TEST_CASE_METHOD(CapsRig, "user_open counts the open files of a user") {
  cap(0, 0, 2);
  OpenJob created, read;
  REQUIRE(create("a", created) == 0);
  REQUIRE(queue->write(created, 0, "x") == 0);
  REQUIRE(flush(created) == 0);
  int64_t ino = job(kPending, "a").ino;
  REQUIRE(queue->open(ino, false, false, kAlice, read) == 0);
  OpenJob refused;
  CHECK(queue->open(ino, false, false, kAlice, refused) == EDQUOT);
  CHECK(queue->open(ino, true, false, kAlice, refused) == EDQUOT);
  CHECK(create("a2", refused) == EDQUOT);
  OpenJob of_bob, of_root[3];
  REQUIRE(queue->open(ino, false, false, kBob, of_bob) == 0);
  for (OpenJob& file : of_root) REQUIRE(queue->open(ino, false, false, kRoot, file) == 0);
  queue->close(created);
  turn();
  OpenJob again;
  CHECK(queue->open(ino, true, false, kAlice, again) == 0);
  for (OpenJob* file : {&read, &again, &of_bob, &of_root[0], &of_root[1], &of_root[2]}) {
    queue->close(*file);
  }
  turn();
}

TEST_CASE_METHOD(CapsRig, "user_workers leaves workers to others, and holds as soon as it is set") {
  set([](QueueSettings& queue) {
    queue.workers = 3;
    queue.user_workers = 1;
  });
  for (const char* id : {"a1", "a2", "a3"}) REQUIRE(submit(id, "x") == 0);
  CHECK(ls(kActive) == Strings{"a1"});
  REQUIRE(submit("b1", "x", kBob) == 0);
  CHECK(ls(kActive) == Strings{"a1", "b1"});
  begin("a1");
  exit("a1", 0);
  CHECK(ls(kActive) == Strings{"a2", "b1"});
  set([](QueueSettings& queue) { queue.user_workers = 0; });
  CHECK(ls(kActive) == Strings{"a2", "a3", "b1"});
}

TEST_CASE_METHOD(CapsRig, "an attempt that does not die counts for user_workers") {
  set([](QueueSettings& queue) {
    queue.workers = 2;
    queue.user_workers = 1;
  });
  for (const char* id : {"a1", "a2"}) REQUIRE(submit(id, "x") == 0);
  begin("a1");
  AttemptId undying = run("a1");
  REQUIRE(rm(kActive, "a1") == 0);
  queue->launcher_events().undying(undying, 4711, 'D');
  turn();
  CHECK(ls(kActive).empty());
  queue->launcher_events().exited(undying, {});
  turn();
  CHECK(ls(kActive) == Strings{"a2"});
}

TEST_CASE_METHOD(CapsRig,
                 "root's jobs, and a job that root puts first, start beyond user_workers") {
  set([](QueueSettings& queue) {
    queue.workers = 4;
    queue.user_workers = 1;
  });
  for (const char* id : {"a1", "a2", "a3"}) REQUIRE(submit(id, "x") == 0);
  for (const char* id : {"r1", "r2"}) REQUIRE(submit(id, "x", kRoot) == 0);
  CHECK(ls(kActive) == Strings{"a1", "r1", "r2"});
  REQUIRE(touch(kPending, "a3", -1) == 0);
  CHECK(ls(kActive) == Strings{"a1", "a3", "r1", "r2"});
}

TEST_CASE_METHOD(CapsRig, "an owner that holds all workers for a minute is told, if others wait") {
  set([](QueueSettings& queue) { queue.workers = 2; });
  for (const char* id : {"a1", "a2", "a3"}) REQUIRE(submit(id, "x") == 0);
  pass_ms(61'000);
  CHECK_FALSE(queue->sole_holder());
  REQUIRE(submit("b1", "x", kBob) == 0);
  CHECK(queue->next_deadline_ns() == clock.mono_ns() + 60 * kNsPerSec);
  pass_ms(59'000);
  CHECK_FALSE(queue->sole_holder());
  SECTION("the others do wait") {
    pass_ms(1000);
    CHECK(queue->sole_holder() == kAlice.uid);
    CHECK(queue->next_deadline_ns() == clock.mono_ns() + 60 * kNsPerSec);
    SECTION("until one of them gets a worker") {
      begin("a1");
      exit("a1", 0);
      CHECK(is_in(kActive, "b1"));
      CHECK_FALSE(queue->sole_holder());
      CHECK_FALSE(queue->next_deadline_ns());
    }
    SECTION("until they wait no more") {
      REQUIRE(rm(kPending, "b1") == 0);
      pass_ms(60'000);
      CHECK_FALSE(queue->sole_holder());
    }
    SECTION("not while the queue is paused") {
      set([](QueueSettings& queue) { queue.pause = true; });
      CHECK_FALSE(queue->sole_holder());
    }
  }
  SECTION("the other's job was removed") {
    REQUIRE(rm(kPending, "b1") == 0);
    pass_ms(1000);
    CHECK_FALSE(queue->sole_holder());
  }
}
