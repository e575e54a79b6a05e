#include "queue/draft_names.h"

#include "queue_rig.h"

using namespace filed;

namespace {

bool is_draft(const std::string& id, std::string_view endings = "") {
  Job job;
  job.id = id;
  mark_draft(job, endings);
  return job.is_draft();
}

}  // namespace

TEST_CASE("the names of editors' copies are those of drafts") {
  for (const char* id : {".x", ".", "x~", "~", ".x~", "#x#", "##", ".#x", "#.x#"}) {
    INFO(id);
    CHECK(is_draft(id));
  }
  for (const char* id : {"x", "~x", "#", "#x", "x#", "x.bak", "x.", "none"}) {
    INFO(id);
    CHECK_FALSE(is_draft(id));
  }
  CHECK(is_draft("x.bak", ".bak"));
  CHECK(is_draft("x.orig", ".bak .orig"));
  CHECK(is_draft(".orig", ".orig"));
  CHECK_FALSE(is_draft("x.tmp", ".bak .orig"));
  CHECK_FALSE(is_draft("x.bak2", ".bak .orig"));
}

TEST_CASE_METHOD(QueueRig, "a job stays what its name was when it got it") {
  set([](QueueSettings& queue) { queue.drafts = ".bak"; });
  REQUIRE(submit("j.bak", "x") == 0);
  CHECK(news().empty());
  set([](QueueSettings& queue) { queue.drafts = ""; });
  AttributeChange change;
  change.mode = 04640;
  Job changed;
  REQUIRE(queue->set_attributes(job(kPending, "j.bak").ino, change, changed) == 0);
  turn();
  stop_and_start();
  CHECK(news().empty());
  CHECK(queue->jobs().counts().ready == 0);
  REQUIRE(mv(kPending, "j.bak", kPending, "k.bak") == 0);
  CHECK(news() == Strings{"start k.bak"});
  CHECK((job(kActive, "k.bak").mode & 07777) == 0640);
  CHECK(queue->jobs().counts().of(kPending) == 0);
  exit("k.bak", 0);
  REQUIRE(mv(kComplete, "k.bak", kPending, "k~") == 0);
  CHECK(news().empty());
  CHECK(queue->jobs().counts().ready == 0);
}
