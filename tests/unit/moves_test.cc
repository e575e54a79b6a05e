#include "queue/moves.h"

#include "catch.h"

using namespace filed;

namespace {

constexpr Dir kAll[] = {Dir::kPending, Dir::kActive, Dir::kFailed, Dir::kComplete};

}  // namespace

TEST_CASE("every move by a user means what the table of design 2.3 says") {
  constexpr Move no = Move::kNotPermitted;
  // from a row, to a column: pending, active, failed, complete
  constexpr Move kTable[kDirs][kDirs] = {
      {Move::kRename, no, Move::kCancel, no},
      {Move::kStopAndQueue, Move::kBusy, Move::kStopAndFail, no},
      {Move::kRunAgain, no, Move::kRename, no},
      {Move::kRunAgain, no, no, Move::kRename},
  };
  for (Dir from : kAll) {
    for (Dir to : kAll) {
      INFO(dir_name(from) << " to " << dir_name(to));
      CHECK(user_move(from, to) == kTable[static_cast<int>(from)][static_cast<int>(to)]);
    }
  }
}

TEST_CASE("filed itself starts, ends and puts back, and nothing else") {
  constexpr Move kEvery[] = {Move::kRename,      Move::kRunAgain,     Move::kCancel,
                             Move::kStopAndFail, Move::kStopAndQueue, Move::kStart,
                             Move::kSucceed,     Move::kFail,         Move::kRetry,
                             Move::kPutBack,     Move::kNotPermitted, Move::kBusy};
  auto permitted = [](Dir from, Dir to, Move move) {
    if (from == Dir::kPending && to == Dir::kActive) return move == Move::kStart;
    if (from != Dir::kActive) return false;
    if (to == Dir::kComplete) return move == Move::kSucceed;
    if (to == Dir::kFailed) return move == Move::kFail;
    return to == Dir::kPending && (move == Move::kRetry || move == Move::kPutBack);
  };
  for (Dir from : kAll) {
    for (Dir to : kAll) {
      for (Move move : kEvery) {
        INFO(dir_name(from) << " to " << dir_name(to) << " by move " << static_cast<int>(move));
        CHECK(is_filed_move(from, to, move) == permitted(from, to, move));
      }
    }
  }
}
