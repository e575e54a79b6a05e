// The wait status of a process, as waitpid(2) gives it. musl has no W_EXITCODE and no WCOREFLAG.
#pragma once

inline int exited_with(int status) { return status << 8; }
inline int killed_by(int signo) { return signo; }
inline int killed_with_core(int signo) { return signo | 0x80; }
