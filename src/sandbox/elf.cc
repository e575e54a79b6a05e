#include "sandbox/elf.h"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace filed {
namespace {

// More than any program has; a file that claims more is not read further.
constexpr size_t kMaxProgramHeaders = 1024;
constexpr size_t kMaxDynamicEntries = 4096;
constexpr size_t kMaxString = 4096;

// Reads `size` bytes at `offset`; false when the file has fewer.
bool read_at(int fd, uint64_t offset, void* out, size_t size) {
  if (offset > INT64_MAX) return false;
  auto* bytes = static_cast<char*>(out);
  while (size > 0) {
    ssize_t n = pread(fd, bytes, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes += n;
    offset += static_cast<uint64_t>(n);
    size -= static_cast<size_t>(n);
  }
  return true;
}

// The string at `offset` up to its NUL; empty when it has none within kMaxString or the file.
std::string read_string(int fd, uint64_t offset) {
  if (offset > INT64_MAX) return {};
  char buffer[kMaxString];
  ssize_t n = pread(fd, buffer, sizeof buffer, static_cast<off_t>(offset));
  if (n <= 0) return {};
  const void* end = std::memchr(buffer, '\0', static_cast<size_t>(n));
  return end == nullptr ? std::string() : std::string(buffer);
}

// The layouts of the two classes differ, the algorithm does not.
struct Elf32 {
  using Header = Elf32_Ehdr;
  using Segment = Elf32_Phdr;
  using Entry = Elf32_Dyn;
};
struct Elf64 {
  using Header = Elf64_Ehdr;
  using Segment = Elf64_Phdr;
  using Entry = Elf64_Dyn;
};

// Where in the file the loaded address `address` comes from.
template <typename Segment>
std::optional<uint64_t> file_offset(const std::vector<Segment>& segments, uint64_t address) {
  for (const Segment& segment : segments) {
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
    uint64_t distance = address - segment.p_vaddr;
    if (distance < segment.p_filesz) return segment.p_offset + distance;
  }
  return std::nullopt;
}

template <typename Elf>
void read_dynamic(int fd, const std::vector<typename Elf::Segment>& segments,
                  const typename Elf::Segment& dynamic, ElfFile* file) {
  std::vector<typename Elf::Entry> entries(
      std::min<size_t>(dynamic.p_filesz / sizeof(typename Elf::Entry), kMaxDynamicEntries));
  if (!read_at(fd, dynamic.p_offset, entries.data(), entries.size() * sizeof entries[0])) return;
  auto end = std::find_if(entries.begin(), entries.end(),
                          [](const auto& entry) { return entry.d_tag == DT_NULL; });
  entries.erase(end, entries.end());

  std::optional<uint64_t> strings;
  for (const auto& entry : entries) {
    if (entry.d_tag == DT_STRTAB) strings = file_offset(segments, entry.d_un.d_ptr);
  }
  if (!strings) return;

  std::string rpath;
  std::string runpath;
  for (const auto& entry : entries) {
    uint64_t offset = *strings + entry.d_un.d_val;
    if (entry.d_tag == DT_NEEDED) file->needed.push_back(read_string(fd, offset));
    if (entry.d_tag == DT_RPATH) rpath = read_string(fd, offset);
    if (entry.d_tag == DT_RUNPATH) runpath = read_string(fd, offset);
  }
  std::erase(file->needed, "");
  file->run_path = split(runpath.empty() ? rpath : runpath, ':');
  std::erase(file->run_path, "");
}

template <typename Elf>
std::optional<ElfFile> read_class(int fd) {
  typename Elf::Header header;
  if (!read_at(fd, 0, &header, sizeof header)) return std::nullopt;
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) return std::nullopt;
  if (header.e_phentsize != sizeof(typename Elf::Segment)) return std::nullopt;
  if (header.e_phnum > kMaxProgramHeaders) return std::nullopt;

  std::vector<typename Elf::Segment> segments(header.e_phnum);
  if (!read_at(fd, header.e_phoff, segments.data(), segments.size() * sizeof segments[0])) {
    return std::nullopt;
  }
  ElfFile file;
  file.elf_class = header.e_ident[EI_CLASS];
  file.machine = header.e_machine;
  for (const auto& segment : segments) {
    if (segment.p_type == PT_INTERP) file.interpreter = read_string(fd, segment.p_offset);
    if (segment.p_type == PT_DYNAMIC) read_dynamic<Elf>(fd, segments, segment, &file);
  }
  return file;
}

}  // namespace

std::optional<ElfFile> read_elf(int fd) {
  unsigned char ident[EI_NIDENT];
  if (!read_at(fd, 0, ident, sizeof ident)) return std::nullopt;
  if (std::memcmp(ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  constexpr unsigned char kByteOrder =
      std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  if (ident[EI_DATA] != kByteOrder) return std::nullopt;
  if (ident[EI_CLASS] == ELFCLASS32) return read_class<Elf32>(fd);
  if (ident[EI_CLASS] == ELFCLASS64) return read_class<Elf64>(fd);
  return std::nullopt;
}

std::vector<std::string> find_in_loader_cache(std::string_view cache, std::string_view name) {
  // glibc's format since 2.2: this header, `count` entries, then strings. Offsets are from the
  // start of the header. An older format may stand before it and says where this one begins.
  constexpr std::string_view kMagic = "glibc-ld.so.cache1.1";
  struct Header {
    char magic[20];
    uint32_t count;
    uint32_t strings_size;
    uint32_t unused[5];
  };
  struct Entry {
    int32_t flags;
    uint32_t name;
    uint32_t path;
    uint32_t os_version;
    uint64_t hardware;
  };
  static_assert(sizeof(Header) == 48 && sizeof(Entry) == 24);

  std::vector<std::string> found;
  size_t start = cache.find(kMagic);
  if (start == std::string_view::npos) return found;
  cache.remove_prefix(start);
  Header header;
  if (cache.size() < sizeof header) return found;
  std::memcpy(&header, cache.data(), sizeof header);

  auto string_at = [&](uint32_t offset) -> std::string_view {
    if (offset >= cache.size()) return {};
    std::string_view rest = cache.substr(offset);
    size_t end = rest.find('\0');
    return end == std::string_view::npos ? std::string_view() : rest.substr(0, end);
  };
  size_t room = (cache.size() - sizeof header) / sizeof(Entry);
  for (size_t i = 0; i < std::min<size_t>(header.count, room); ++i) {
    Entry entry;
    std::memcpy(&entry, cache.data() + sizeof header + i * sizeof entry, sizeof entry);
    if (string_at(entry.name) != name) continue;
    std::string_view path = string_at(entry.path);
    if (!path.empty()) found.emplace_back(path);
  }
  return found;
}

}  // namespace filed
