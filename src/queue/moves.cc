#include "queue/moves.h"

namespace filed {
namespace {

constexpr Dir P = Dir::kPending;
constexpr Dir A = Dir::kActive;
constexpr Dir F = Dir::kFailed;
constexpr Dir C = Dir::kComplete;

struct Row {
  Mover mover;
  Dir from;
  Dir to;
  Move move;
};

// What is not here is not permitted.
constexpr Row kTable[] = {
    {Mover::kUser, P, P, Move::kRename},       {Mover::kUser, F, F, Move::kRename},
    {Mover::kUser, C, C, Move::kRename},       {Mover::kUser, A, A, Move::kBusy},
    {Mover::kUser, F, P, Move::kRunAgain},     {Mover::kUser, C, P, Move::kRunAgain},
    {Mover::kUser, P, F, Move::kCancel},       {Mover::kUser, A, F, Move::kStopAndFail},
    {Mover::kUser, A, P, Move::kStopAndQueue},

    {Mover::kFiled, P, A, Move::kStart},       {Mover::kFiled, A, C, Move::kSucceed},
    {Mover::kFiled, A, F, Move::kFail},        {Mover::kFiled, A, P, Move::kRetry},
    {Mover::kFiled, A, P, Move::kPutBack},
};

}  // namespace

Move user_move(Dir from, Dir to) {
  for (const Row& row : kTable) {
    if (row.mover == Mover::kUser && row.from == from && row.to == to) return row.move;
  }
  return Move::kNotPermitted;
}

bool is_filed_move(Dir from, Dir to, Move move) {
  for (const Row& row : kTable) {
    if (row.mover == Mover::kFiled && row.from == from && row.to == to && row.move == move) {
      return true;
    }
  }
  return false;
}

}  // namespace filed
