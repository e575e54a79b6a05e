// Marks functions that run between the clone and the exec in memory that the child shares with the
// launcher. Sanitizers keep notes about the running thread; there, two processes are that thread.
#pragma once

#define FILED_SHARED_MEMORY __attribute__((no_sanitize("address", "undefined", "thread")))
