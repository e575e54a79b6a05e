// What most parts of the queue share: the store, the turn, the agenda, the clock and the settings.
// All of it outlives the parts.
#pragma once

#include "base/clock.h"
#include "config/live_settings.h"
#include "queue/agenda.h"
#include "queue/store.h"
#include "queue/turn.h"

namespace filed {

struct Core {
  Store& store;
  Turn& turn;
  Agenda& agenda;
  const Clock& clock;
  const LiveSettings& live;

  const QueueSettings& settings() const { return live.queue(); }
};

}  // namespace filed
