// What a program needs to start, and how paths are followed.
#include "sandbox/program.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <random>

#include "catch.h"
#include "confined.h"
#include "sandbox/elf.h"
#include "sandbox/resolve.h"
#include "sandbox/sandbox.h"
#include "temp_dir.h"

using namespace filed;

namespace {

void write_program(const TempDir& dir, const std::string& name, const std::string& text) {
  REQUIRE(chmod(dir.write(name, text).c_str(), 0755) == 0);
}

bool names(const std::vector<PathGrant>& grants, const std::string& path) {
  return std::any_of(grants.begin(), grants.end(),
                     [&](const PathGrant& grant) { return grant.path == path; });
}

}  // namespace

namespace {

// A shared program as a linker would make it, small: one segment that is the whole file, an
// interpreter, and a dynamic section.
struct FakeElf {
  Elf64_Ehdr header{};
  Elf64_Phdr segments[3]{};
  Elf64_Dyn dynamic[6]{};
  char interpreter[32] = "/lib/ld-fake.so.1";
  char strings[64] = "\0libone.so\0libtwo.so\0/opt/a:$ORIGIN/b\0/old";

  static constexpr uint64_t kBase = 0x10000;

  FakeElf() {
    memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_DYN;
    header.e_machine = EM_X86_64;
    header.e_phoff = offsetof(FakeElf, segments);
    header.e_phentsize = sizeof segments[0];
    header.e_phnum = 3;
    segments[0].p_type = PT_LOAD;
    segments[0].p_vaddr = kBase;
    segments[0].p_filesz = sizeof *this;
    segments[1].p_type = PT_INTERP;
    segments[1].p_offset = offsetof(FakeElf, interpreter);
    segments[1].p_filesz = sizeof interpreter;
    segments[2].p_type = PT_DYNAMIC;
    segments[2].p_offset = offsetof(FakeElf, dynamic);
    segments[2].p_filesz = sizeof dynamic;
    dynamic[0] = {DT_STRTAB, {kBase + offsetof(FakeElf, strings)}};
    dynamic[1] = {DT_NEEDED, {1}};
    dynamic[2] = {DT_NEEDED, {11}};
    dynamic[3] = {DT_RUNPATH, {21}};
    dynamic[4] = {DT_RPATH, {38}};
  }

  std::optional<ElfFile> read(size_t size = sizeof(FakeElf)) const {
    Fd fd(memfd_create("elf", MFD_CLOEXEC));
    REQUIRE(write(fd.get(), this, size) == static_cast<ssize_t>(size));
    return read_elf(fd.get());
  }
};

}  // namespace

TEST_CASE("an ELF file says what it needs", "[sandbox]") {
  FakeElf elf;
  std::optional<ElfFile> file = elf.read();
  REQUIRE(file);
  CHECK(file->interpreter == "/lib/ld-fake.so.1");
  CHECK(file->needed == std::vector<std::string>{"libone.so", "libtwo.so"});
  CHECK(file->run_path == std::vector<std::string>{"/opt/a", "$ORIGIN/b"});
  CHECK(file->machine == EM_X86_64);

  elf.dynamic[3].d_tag = DT_NULL;
  CHECK(elf.read()->run_path.empty());
  elf.dynamic[3].d_tag = DT_SONAME;
  CHECK(elf.read()->run_path == std::vector<std::string>{"/old"});
}

TEST_CASE("a damaged ELF file is no danger", "[sandbox]") {
  FakeElf good;
  for (size_t size = 0; size < sizeof good; ++size) good.read(size);
  CHECK_FALSE(good.read(10));
  CHECK_FALSE(good.read(sizeof good.header));

  for (uint64_t wild : {uint64_t{0}, uint64_t{1}, uint64_t{0xffff}, uint64_t{1} << 31, ~uint64_t{0},
                        ~uint64_t{0} >> 1, uint64_t{FakeElf::kBase} - 1}) {
    for (size_t at = 0; at + sizeof wild <= sizeof good; at += 4) {
      FakeElf bad = good;
      memcpy(reinterpret_cast<char*>(&bad) + at, &wild, sizeof wild);
      bad.read();
    }
  }
  FakeElf bad = good;
  bad.header.e_phoff = ~uint64_t{0} - 8;
  CHECK_FALSE(bad.read());
  bad = good;
  bad.header.e_phnum = 0xffff;
  CHECK_FALSE(bad.read());
  bad = good;
  bad.header.e_ident[EI_DATA] = ELFDATA2MSB;
  CHECK_FALSE(bad.read());
  bad = good;
  bad.header.e_ident[EI_CLASS] = 9;
  CHECK_FALSE(bad.read());
  bad = good;
  bad.segments[2].p_filesz = ~uint64_t{0};
  CHECK(bad.read()->needed.empty());

  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    bad = good;
    for (int n = 0; n < 4; ++n) {
      reinterpret_cast<unsigned char*>(&bad)[random() % sizeof bad] =
          static_cast<uint8_t>(random());
    }
    bad.read(1 + random() % sizeof bad);
  }
}

namespace {

// A loader's cache with the given entries, behind `before`.
std::string make_cache(const std::vector<std::pair<std::string, std::string>>& entries,
                       const std::string& before = "") {
  std::string strings;
  std::string table;
  size_t strings_at = 48 + 24 * entries.size();
  auto put = [](std::string& out, auto number) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  for (const auto& [name, path] : entries) {
    put(table, int32_t{0x303});
    put(table, static_cast<uint32_t>(strings_at + strings.size()));
    strings += name + '\0';
    put(table, static_cast<uint32_t>(strings_at + strings.size()));
    strings += path + '\0';
    put(table, uint32_t{0});
    put(table, uint64_t{0});
  }
  std::string cache = before + "glibc-ld.so.cache1.1";
  put(cache, static_cast<uint32_t>(entries.size()));
  put(cache, static_cast<uint32_t>(strings.size()));
  cache.append(20, '\0');
  return cache + table + strings;
}

}  // namespace

TEST_CASE("the loader's cache tells every place of a library", "[sandbox]") {
  std::string cache = make_cache({{"liba.so.1", "/opt/v3/liba.so.1"},
                                  {"libab.so", "/lib/libab.so"},
                                  {"liba.so.1", "/lib/liba.so.1"}});
  CHECK(find_in_loader_cache(cache, "liba.so.1") ==
        std::vector<std::string>{"/opt/v3/liba.so.1", "/lib/liba.so.1"});
  CHECK(find_in_loader_cache(cache, "liba.so").empty());
  CHECK(find_in_loader_cache(make_cache({{"x", "/x"}}, "ld.so-1.7.0 and so on"), "x").size() == 1);

  CHECK(find_in_loader_cache("", "x").empty());
  for (size_t size = 0; size < cache.size(); ++size) {
    find_in_loader_cache(std::string_view(cache).substr(0, size), "liba.so.1");
  }
  for (size_t at = 0; at < cache.size(); ++at) {
    std::string bad = cache;
    bad[at] = '\xff';
    find_in_loader_cache(bad, "liba.so.1");
  }
}

TEST_CASE("a shell needs itself, its loader and its libraries, to read and execute", "[sandbox]") {
  std::vector<PathGrant> grants = grants_to_start("/bin/sh");
  REQUIRE(names(grants, "/bin/sh"));
  for (const PathGrant& grant : grants) {
    CHECK_FALSE(grant.writable);
    CHECK(grant.must_be_file);
    CHECK(access(grant.path.c_str(), F_OK) == 0);
  }
  Fd shell(open("/bin/sh", O_RDONLY | O_CLOEXEC));
  std::optional<ElfFile> elf = read_elf(shell.get());
  REQUIRE(elf);
  if (elf->interpreter.empty()) {
    CHECK(grants.size() == 1);
  } else {
    CHECK(names(grants, elf->interpreter));
    CHECK(grants.size() >= 2 + elf->needed.size());
  }

  // And that is enough.
  SandboxOptions options;
  options.paths = grants;
  Sandbox sandbox = Sandbox::prepare({}, options);
  CHECK(in_child([&] {
          const char* stage;
          if (sandbox.apply(&stage) != 0) return 99;
          execl("/bin/sh", "sh", "-c", "test -x /bin/sh && exit 5", nullptr);
          return errno;
        }) == 5);
}

TEST_CASE("a script needs its interpreter, too", "[sandbox]") {
  TempDir dir;
  write_program(dir, "script", "#! /bin/sh -e\nexit 6\n");
  write_program(dir, "outer", "#!" + dir.file("script") + "\n");
  std::vector<PathGrant> shell = grants_to_start("/bin/sh");
  CHECK(grants_to_start(dir.file("script")).size() == shell.size() + 1);
  std::vector<PathGrant> grants = grants_to_start(dir.file("outer"));
  CHECK(grants.size() == shell.size() + 2);
  CHECK(names(grants, "/bin/sh"));

  SandboxOptions options;
  options.paths = grants;
  Sandbox sandbox = Sandbox::prepare({}, options);
  std::string path = dir.file("outer");
  CHECK(in_child([&] {
          const char* stage;
          if (sandbox.apply(&stage) != 0) return 99;
          execl(path.c_str(), "outer", nullptr);
          return errno;
        }) == 6);

  write_program(dir, "loop", "#!" + dir.file("loop") + "\n");
  CHECK(grants_to_start(dir.file("loop")).size() < 10);
  write_program(dir, "empty", "#!\n");
  CHECK(grants_to_start(dir.file("empty")).size() == 1);
  write_program(dir, "lost", "#!/no/such/interpreter\n");
  CHECK(grants_to_start(dir.file("lost")).size() == 1);
  CHECK(grants_to_start("/dev/null").size() == 1);
  CHECK(error_of([] { grants_to_start("/no/such/shell"); }) ==
        "/no/such/shell: No such file or directory");
}

TEST_CASE("a command is found as a shell finds it", "[sandbox]") {
  TempDir dir;
  mkdir(dir.file("one").c_str(), 0755);
  mkdir(dir.file("two").c_str(), 0755);
  mkdir(dir.file("one/directory").c_str(), 0755);
  dir.write("one/plain", "");
  write_program(dir, "two/both", "");
  write_program(dir, "two/plain", "");
  std::string search = dir.file("one") + ":" + dir.file("two");
  int error = 0;
  CHECK(find_command("both", search, &error) == dir.file("two/both"));
  CHECK(error == 0);
  CHECK(find_command("plain", search, &error) == dir.file("two/plain"));
  CHECK(find_command("plain", dir.file("one"), &error).empty());
  CHECK(error == EACCES);
  CHECK(find_command("directory", search, &error).empty());
  CHECK(error == EACCES);
  CHECK(find_command("nothing", search, &error).empty());
  CHECK(error == ENOENT);
  CHECK(find_command("", search, &error).empty());
  CHECK(error == ENOENT);
  CHECK(find_command(dir.file("two/both"), "", &error) == dir.file("two/both"));
  CHECK(find_command(dir.file("one/plain"), "", &error).empty());
  CHECK(error == EACCES);
}

TEST_CASE("a path is followed as open(2) follows it", "[sandbox]") {
  TempDir dir;
  mkdir(dir.file("a").c_str(), 0755);
  mkdir(dir.file("a/b").c_str(), 0755);
  dir.write("a/b/file", "x");
  REQUIRE(symlink("a/b", dir.file("link").c_str()) == 0);
  REQUIRE(symlink(dir.file("link").c_str(), dir.file("a/back").c_str()) == 0);
  REQUIRE(symlink("loop", dir.file("loop").c_str()) == 0);
  REQUIRE(symlink("nowhere", dir.file("dangling").c_str()) == 0);
  for (const char* name :
       {"", "a", "a/", "a//b/./file", "link", "link/", "link/file", "link/../b/file", "a/back/file",
        "a/back/../back/file", "loop", "loop/x", "dangling", "none", "none/x", "a/b/file/",
        "a/b/file/x", "link/file/..", "a/b/../../../"}) {
    std::string path = dir.file(name);
    INFO(path);
    Fd fd(open(path.c_str(), O_PATH | O_CLOEXEC));
    int expected = fd ? 0 : errno;
    Resolved resolved;
    REQUIRE(resolve(path, &resolved) == expected);
    if (!fd) continue;
    struct stat there;
    struct stat here;
    REQUIRE(fstat(fd.get(), &there) == 0);
    REQUIRE(fstat(resolved.fd.get(), &here) == 0);
    CHECK(file_id(here) == file_id(there));
    CHECK(file_id(here) == file_id(resolved.st));
  }
  Resolved resolved;
  CHECK(resolve("", &resolved) == ENOENT);
  CHECK(resolve(std::string("/tmp\0x", 6), &resolved) == EINVAL);

  // The way through the link passes its own directory, and the one that it leads into.
  REQUIRE(resolve(dir.file("link/file"), &resolved) == 0);
  for (const std::string& directory : {dir.path(), dir.file("a"), dir.file("a/b")}) {
    struct stat st;
    REQUIRE(stat(directory.c_str(), &st) == 0);
    CHECK(std::count(resolved.directories.begin(), resolved.directories.end(), file_id(st)) >= 1);
  }
}
