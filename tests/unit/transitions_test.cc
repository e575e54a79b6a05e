// The whole table of transitions: every event in every directory, and the manual's table of moves.
#include "queue/transitions.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "catch.h"

using namespace filed;

namespace {

constexpr Dir kAll[] = {Dir::kPending, Dir::kActive, Dir::kFailed, Dir::kComplete};

// What becomes of a job that `event` meets in each directory: the directory it is in then, "gone",
// or the errno of the refusal; then what the row does besides.
struct Expected {
  Event event;
  const char* effect[kDirs];  // pending, active, failed, complete
};

constexpr Expected kExpected[kEvents] = {
    {Event::kCreate, {"pending while-closed", "EPERM", "EPERM", "EPERM"}},
    {Event::kWrite, {"pending", "EACCES", "EACCES", "EACCES"}},
    {Event::kRewrite, {"pending reset given discard", "EPERM", "EPERM", "EPERM"}},
    {Event::kMoveToPending,
     {"pending replaces", "pending now end kills killed while-closed",
      "pending reset now-or-later while-closed", "pending reset now-or-later while-closed"}},
    {Event::kMoveToActive, {"EPERM", "EBUSY", "EPERM", "EPERM"}},
    {Event::kMoveToFailed,
     {"failed now cancel while-closed", "failed count now end kills killed while-closed",
      "failed while-closed", "EPERM"}},
    {Event::kMoveToComplete, {"EPERM", "EPERM", "EPERM", "complete while-closed"}},
    {Event::kRemove,
     {"gone discard", "gone discard kills killed while-closed", "gone discard while-closed",
      "gone discard while-closed"}},
    {Event::kClaim, {"active begin started watchers while-closed", "EPERM", "EPERM", "EPERM"}},
    {Event::kSucceed,
     {"EPERM", "complete count now end succeeded hook watchers while-closed", "EPERM", "EPERM"}},
    {Event::kGiveUp,
     {"EPERM", "failed count now end failed hook watchers while-closed", "EPERM", "EPERM"}},
    {Event::kRetry,
     {"EPERM", "pending count given end retried watchers while-closed", "EPERM", "EPERM"}},
    {Event::kPutOff, {"EPERM", "pending given revert watchers while-closed", "EPERM", "EPERM"}},
    {Event::kShutDown, {"EPERM", "pending pause watchers while-closed", "EPERM", "EPERM"}},
    {Event::kInterrupt, {"EPERM", "pending pause while-closed", "EPERM", "EPERM"}},
    {Event::kInterruptLast, {"EPERM", "failed count now end hook while-closed", "EPERM", "EPERM"}},
    {Event::kExpire,
     {"EPERM", "EPERM", "gone discard watchers while-closed",
      "gone discard watchers while-closed"}},
};

std::string errno_name(int error) {
  return error == EPERM ? "EPERM" : error == EBUSY ? "EBUSY" : error == EACCES ? "EACCES" : "?";
}

std::string counter_name(int64_t Totals::*counter) {
  if (counter == &Totals::started) return " started";
  if (counter == &Totals::succeeded) return " succeeded";
  if (counter == &Totals::retried) return " retried";
  if (counter == &Totals::failed) return " failed";
  return counter == &Totals::killed ? " killed" : "";
}

// The same words for a row, from what apply() makes of a job.
std::string effect_of(const Transition& row, Dir from) {
  if (row.error != 0) return errno_name(row.error);
  constexpr int64_t kPast = 100;
  constexpr int64_t kNow = 200;
  constexpr int64_t kGiven = 300;
  Job job;
  job.dir = from;
  job.attempts = 5;
  job.mtime_ns = kPast;
  job.log = 7;
  job.log_size = 8;
  row.apply(job, kNow, kGiven);
  std::string text = row.to ? std::string(dir_name(job.dir)) : "gone";
  if (job.attempts == 0) text += " reset";
  if (job.attempts == 6) text += " count";
  if (row.mtime == MtimeChange::kNowOrLater) {
    Job later;
    later.mtime_ns = kGiven;
    row.apply(later, kNow);
    CHECK(later.mtime_ns == kGiven);
    CHECK(job.mtime_ns == kNow);
    text += " now-or-later";
  } else if (job.mtime_ns == kNow) {
    text += " now";
  } else if (job.mtime_ns == kGiven) {
    text += " given";
  }
  constexpr const char* kLogWords[] = {"",     " begin",  " revert", " pause",
                                       " end", " cancel", " discard"};
  text += kLogWords[static_cast<int>(row.log)];
  CHECK((job.log == 0) == (row.log == LogChange::kBegin || row.log == LogChange::kDiscard));
  if (row.kills) text += " kills";
  text += counter_name(row.counter);
  if (row.hook) text += " hook";
  if (row.watchers) text += " watchers";
  if (row.may_replace) text += " replaces";
  if (!row.while_open) text += " while-closed";
  return text;
}

std::string text_between(const std::string& path, const std::string& from, const std::string& to) {
  std::ifstream file(path);
  std::stringstream all;
  all << file.rdbuf();
  std::string text = all.str();
  size_t begin = text.find(from);
  REQUIRE(begin != std::string::npos);
  return text.substr(begin, text.find(to, begin + from.size()) - begin);
}

// The effect that filed(5) must tell for a row of the table.
std::string words_for(const Transition& row, bool within) {
  if (row.error != 0) return errno_name(row.error);
  if (within) {
    return row.may_replace ? "renamed; a job of that name that is not open for writing is replaced"
                           : "renamed; EEXIST if the id is taken";
  }
  if (row.kills) {
    return row.attempts == AttemptsChange::kCount
               ? "killed at once with all its processes, no retry"
               : "killed at once, queued again, the attempt does not count";
  }
  if (row.log == LogChange::kCancel) {
    return "cancelled: it does not run; the log of its latest attempt stays and gets a line";
  }
  std::string text = "runs again";
  if (row.attempts == AttemptsChange::kReset) text += ": attempts begin from 0";
  if (row.mtime == MtimeChange::kNowOrLater) {
    text += ", due now, or when the mtime says if that is in the future";
  }
  return text;
}

}  // namespace

TEST_CASE("every event in every directory has the effect that its row says") {
  std::set<Event> seen;
  for (const Expected& expected : kExpected) {
    seen.insert(expected.event);
    for (Dir from : kAll) {
      INFO("event " << static_cast<int>(expected.event) << " in " << dir_name(from));
      const Transition& row = transition(expected.event, from);
      CHECK(effect_of(row, from) == expected.effect[static_cast<int>(from)]);
    }
  }
  CHECK(seen.size() == kEvents);
}

TEST_CASE("an attempt that was interrupted goes on in its log, with nothing else of its outcome") {
  Job job;
  job.log = 7;
  job.log_size = 8;
  job.outcome.cause = "interrupted";
  job.outcome.cpu_us = 1;
  job.outcome.interruptions = 2;
  job.outcome.started_ns = 100;
  bool finished = GENERATE(true, false);
  if (finished) job.outcome.finished_ns = 200;
  transition(Event::kClaim, Dir::kPending).apply(job, 300);
  CHECK(job.log == (finished ? 0 : 7));
  CHECK(job.log_size == 0);
  CHECK(job.outcome.interruptions == (finished ? 0 : 2));
  CHECK(job.outcome.cause.empty());
  CHECK(job.outcome.cpu_us == 0);
}

TEST_CASE("a row names itself: it is found under its own event and directory") {
  for (const Expected& expected : kExpected) {
    for (Dir from : kAll) {
      const Transition& row = transition(expected.event, from);
      if (row.error == EPERM) continue;
      CHECK(row.event == expected.event);
      CHECK(row.from == from);
    }
  }
}

TEST_CASE("a message that ends in a colon gets the cause") {
  Job job;
  job.outcome.cause = "exit status 3";
  CHECK(transition(Event::kGiveUp, Dir::kActive).describe(job) == "failed: exit status 3");
  CHECK(transition(Event::kSucceed, Dir::kActive).describe(job) == "complete");
  CHECK(transition(Event::kRemove, Dir::kFailed).describe(job) == "removed from failed");
}

TEST_CASE("filed(5) has exactly the moves that the table permits, and says what they do") {
  std::string manual = text_between("man/filed.5.scd", "# MV AND RM", "# SPECIAL FILES");
  std::map<std::string, Dir> dirs;
  for (Dir dir : kAll) dirs.emplace(dir_name(dir), dir);

  // "|  FROM, FROM", ":  TO", ":  EFFECT"; "within DIR, DIR" has an empty TO.
  std::map<std::pair<Dir, Dir>, std::string> rows;
  std::istringstream lines(manual);
  std::string line;
  while (std::getline(lines, line)) {
    if (!line.starts_with("|  ")) continue;
    std::string from = line.substr(3);
    std::string to;
    std::string effect;
    REQUIRE(std::getline(lines, to));
    REQUIRE(std::getline(lines, effect));
    while (lines.peek() == ' ') {
      std::getline(lines, line);
      effect += ' ' + line;
    }
    to.erase(0, std::min<size_t>(to.size(), 3));
    bool within = from.starts_with("within ");
    if (within) from.erase(0, 7);
    std::istringstream names(from);
    std::string name;
    while (std::getline(names >> std::ws, name, ',')) {
      INFO(name << " to " << to);
      REQUIRE(dirs.contains(name));
      REQUIRE((within || dirs.contains(to)));
      rows[{dirs.at(name), within ? dirs.at(name) : dirs.at(to)}] = effect;
    }
  }

  for (Dir from : kAll) {
    for (Dir to : kAll) {
      const Transition& row = transition(move_to(to), from);
      INFO(dir_name(from) << " to " << dir_name(to));
      auto found = rows.find({from, to});
      REQUIRE((found != rows.end()) == (row.error != EPERM));
      if (found == rows.end()) continue;
      CHECK(found->second == ":  " + words_for(row, from == to));
    }
  }
  CHECK(manual.find("Everything else is EPERM") != std::string::npos);

  std::ranges::replace(manual, '\n', ' ');
  for (Dir dir : kAll) {
    const Transition& row = transition(Event::kRemove, dir);
    INFO(dir_name(dir));
    CHECK(row.error == 0);
    auto says = [&](const char* verb) {
      return manual.find(verb + std::string(dir_name(dir)) + "/") != std::string::npos;
    };
    CHECK(says("kills a job in ") == row.kills);
    CHECK(says("cancels a job in ") == (dir == Dir::kPending));
  }
  CHECK(manual.find("removes a job with its log from failed/ and complete/") != std::string::npos);
}
