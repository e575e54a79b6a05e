// Which requests wait for the commit of the turn, so that no user sees a change that may yet be
// rolled back:
//
//     a request that has staged a change      after_commit           answered with the commit's errno
//     lookup, getattr, create of one job      when_transaction_ends  only if that job is affected
//     a request that reads anything else      when_transaction_ends  if anything is staged
//
// With nothing staged, each of them is served at once.
#pragma once

#include <fuse_lowlevel.h>

#include <functional>
#include <utility>

#include "queue/turn.h"

namespace filed {

class Waits {
 public:
  explicit Waits(Turn& turn) : turn_(turn) {}

  // Calls `reply` when the changes that are staged now are committed. If the commit fails, answers
  // `req` with its errno instead.
  void after_commit(fuse_req_t req, std::function<void()> reply) {
    if (!turn_.changed()) return reply();
    turn_.on_end([req, reply = std::move(reply)](int error) {
      if (error == 0) {
        reply();
      } else {
        fuse_reply_err(req, error);
      }
    });
  }

  // Calls `request` when the changes that are staged now are committed or rolled back. What it stages
  // belongs to the next turn.
  void when_transaction_ends(std::function<void()> request) {
    if (!turn_.changed()) return request();
    turn_.on_end([request = std::move(request)](int) { request(); });
  }

  // The same for a request about one job, by inode number or id. Waits only if the open transaction
  // may change this job. So one user's create does not wait for another user's close.
  template <typename Key>
  void when_transaction_ends(const Key& job, std::function<void()> request) {
    if (!turn_.may_change(job)) return request();
    when_transaction_ends(std::move(request));
  }

 private:
  Turn& turn_;
};

}  // namespace filed
