// The table through which libfuse calls the Filesystem.
#pragma once

#include <fuse_lowlevel.h>

namespace filed {

// Its userdata must be a Filesystem.
const fuse_lowlevel_ops& filesystem_operations();

}  // namespace filed
