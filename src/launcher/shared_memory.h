// Marks functions that run between the clone and the exec in memory that the child shares with the
// launcher. Sanitizers keep notes for each thread, and the child would write into those of the
// launcher's thread. So sanitizers leave the marked functions alone.
#pragma once

#define FILED_SHARED_MEMORY __attribute__((no_sanitize("address", "undefined", "thread")))
