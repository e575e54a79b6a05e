// What most parts of the queue share: the store, the turn, the agenda, the clock, the settings and
// what limits the log. All of it outlives the parts.
#pragma once

#include "base/clock.h"
#include "config/live_settings.h"
#include "queue/agenda.h"
#include "queue/owner_log.h"
#include "queue/store.h"
#include "queue/transitions.h"
#include "queue/turn.h"

namespace filed {

struct Core {
  Store& store;
  Turn& turn;
  Agenda& agenda;
  const Clock& clock;
  const LiveSettings& live;
  OwnerLog& owner_log;

  const QueueSettings& settings() const { return live.queue(); }
  // Tells of the transition after the commit.
  void log_on_commit(const Job& job, const Transition& row) const {
    if (owner_log.admits(job.uid)) turn.log_on_commit(row.log_line(job));
  }
};

}  // namespace filed
