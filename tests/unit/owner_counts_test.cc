#include "queue/owner_counts.h"

#include "store_rig.h"

using namespace filed;

namespace {

Job job_with(int64_t text_size, int64_t log_size, Dir dir = Dir::kPending) {
  Job job;
  job.id = "j";
  job.dir = dir;
  job.text_size = text_size;
  job.log_size = log_size;
  return job;
}

}  // namespace

TEST_CASE("each owner's jobs and bytes are counted, and those of all") {
  OwnerCounts owners;
  owners.add(1, job_with(10, 5), 1);
  owners.add(2, job_with(7, 0, Dir::kFailed), 1);
  CHECK(owners.of(1).of(Dir::kPending) == 1);
  CHECK(owners.of(1).ready == 1);
  CHECK(owners.of(1).bytes == 15);
  CHECK(owners.of(2).of(Dir::kFailed) == 1);
  CHECK(owners.of(3) == Counts{});
  CHECK(owners.total().total() == 2);
  CHECK(owners.total().bytes == 22);
  CHECK(owners.staged().size() == 2);
  owners.commit();
  CHECK(owners.staged().empty());
  owners.add(1, job_with(10, 5), -1);
  owners.add(3, job_with(1, 1), 1);
  owners.rollback();
  CHECK(owners.of(1).bytes == 15);
  CHECK(owners.of(3) == Counts{});
  CHECK(owners.total().bytes == 22);
}

TEST_CASE("owners are counted in the file with each commit, and forgotten when they have nothing") {
  TempDir dir;
  Store store(dir.file("db"));
  Job mine = add(store, "mine");
  Job yours = job_of(store, "yours");
  yours.uid = 7;
  REQUIRE(store.insert(yours, "text") == 0);
  REQUIRE(store.commit() == 0);
  auto stored = [&] {
    return Sql(copy_of(dir, "db"))(
        "SELECT uid || ' ' || pending || ready || ' ' || bytes FROM owners");
  };
  CHECK(stored() == "7 11 4\n1000 11 4\n");
  Job given = mine;
  given.uid = 7;
  REQUIRE(store.update(mine, given) == 0);
  REQUIRE(store.commit() == 0);
  CHECK(stored() == "7 22 8\n");
  REQUIRE(store.remove(given) == 0);
  REQUIRE(store.remove(yours) == 0);
  REQUIRE(store.commit() == 0);
  CHECK(stored().empty());
}
