// Wait statuses, as waitpid(2) gives them, for tests. musl lacks W_EXITCODE and WCOREFLAG.
#pragma once

#include <sys/wait.h>

#ifndef W_EXITCODE
#define W_EXITCODE(status, signal) ((status) << 8 | (signal))
#endif
#ifndef WCOREFLAG
#define WCOREFLAG 0x80
#endif
