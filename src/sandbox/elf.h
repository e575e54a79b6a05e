// Reads from an ELF file which loader and which libraries it names, and looks up libraries in the
// loader's cache. The file is not trusted: bad offsets and sizes give a refusal or an empty answer,
// never a read out of bounds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace filed {

struct ElfFile {
  uint8_t elf_class = 0;              // ELFCLASS32 or ELFCLASS64
  uint16_t machine = 0;               // EM_X86_64 and so on
  std::string interpreter;            // PT_INTERP; empty: static, or a library
  std::vector<std::string> needed;    // DT_NEEDED, in order
  std::vector<std::string> run_path;  // DT_RUNPATH, else DT_RPATH; directories, as written

  bool same_machine(const ElfFile& other) const {
    return elf_class == other.elf_class && machine == other.machine;
  }
};

// Of an open file. Nothing when it is no ELF file of this machine's byte order, or a damaged one.
std::optional<ElfFile> read_elf(int fd);

// Every file that the loader's cache (the content of /etc/ld.so.cache) has for a library's name.
std::vector<std::string> find_in_loader_cache(std::string_view cache, std::string_view name);

}  // namespace filed
