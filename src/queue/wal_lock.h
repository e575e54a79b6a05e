// Locks on a write-ahead log (WAL) by which a backup keeps a running filed from moving the WAL into the
// state file. Both ends use open file description locks on one byte that no WAL reaches. They are
// released when the descriptor is closed, also by the death of its process.
#pragma once

namespace filed {

// For filed, before it moves the WAL: false if a backup is copying. Does not wait. unlock_wal() ends it.
bool lock_wal_to_move(int wal);
void unlock_wal(int wal);

// For a backup: waits until the WAL is not being moved. `wal` is open for reading. A file system without
// such locks gives none, and then the backup may have to begin again.
void lock_wal_to_copy(int wal);

}  // namespace filed
