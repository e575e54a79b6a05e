#include "sandbox/program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/text.h"
#include "sandbox/elf.h"

namespace filed {
namespace {

constexpr const char* kLoaderCache = "/etc/ld.so.cache";
constexpr size_t kMaxCache = 16 << 20;
constexpr size_t kMaxFiles = 256;    // of one program's start; more is a loop or an attack
constexpr int kMaxInterpreters = 5;  // the kernel follows as many #! lines

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Only regular files are opened to be read: opening anything else may wait or have an effect.
Fd open_file(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return Fd();
  return Fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

// The start of a regular file; empty if there is none.
std::string text_of(const std::string& path, size_t limit) {
  std::string text;
  Fd fd = open_file(path);
  if (fd) read_all(fd.get(), limit, text);
  return text;
}

// Collects what one program needs. The loader's rules are those of the program's own interpreter.
class Collector {
 public:
  explicit Collector(std::vector<std::string>* files) : files_(*files) {}

  void add_program(const std::string& path, const ElfFile& program) {
    if (program.interpreter.empty()) return;  // static
    program_ = &program;
    std::string loader = real_path(program.interpreter).value_or(program.interpreter);
    add(program.interpreter);
    // ld-musl-x86_64.so.1 has its list of directories in /etc/ld-musl-x86_64.path.
    std::string loader_name = base_name(program.interpreter);
    if (loader_name.rfind("ld-musl-", 0) == 0) {
      std::string list = "/etc/" + loader_name.substr(0, loader_name.find('.')) + ".path";
      std::string text = text_of(list, kMaxCache);
      if (!text.empty()) add(list);
      std::replace(text.begin(), text.end(), '\n', ':');
      set_directories(text.empty() ? "/lib:/usr/local/lib:/usr/lib" : text);
    } else {
      cache_ = text_of(kLoaderCache, kMaxCache);
      if (!cache_.empty()) add(kLoaderCache);
      // The first two are where glibc was built to look on a system with multiarch directories.
      std::string own = base_name(directory_of(loader));
      set_directories("/lib/" + own + ":/usr/lib/" + own + ":/lib64:/usr/lib64:/lib:/usr/lib");
    }
    add_libraries(path, program);
  }

 private:
  // Notes a file; false when it was noted before.
  bool add(const std::string& path) {
    if (std::find(files_.begin(), files_.end(), path) != files_.end()) return false;
    if (files_.size() >= kMaxFiles) return false;
    files_.push_back(path);
    return true;
  }

  void set_directories(std::string_view list) {
    directories_ = split(list, ':');
    std::erase(directories_, "");
  }

  void add_libraries(const std::string& path, const ElfFile& object) {
    for (const std::string& name : object.needed) {
      for (const std::string& file : find_library(path, object, name)) {
        std::optional<ElfFile> library = library_at(file);
        if (library && add(file)) add_libraries(file, *library);
      }
    }
  }

  // A file only counts when it is a library for the program's machine.
  std::optional<ElfFile> library_at(const std::string& path) const {
    Fd fd = open_file(path);
    if (!fd) return std::nullopt;
    std::optional<ElfFile> file = read_elf(fd.get());
    if (file && !file->same_machine(*program_)) file.reset();
    return file;
  }

  // In the loader's order. The cache may have several builds of one library for different
  // processors, of which the loader takes the best: they all count.
  std::vector<std::string> find_library(const std::string& path, const ElfFile& object,
                                        const std::string& name) const {
    if (name.find('/') != std::string::npos) return {name};
    for (std::string directory : object.run_path) {
      for (const char* origin : {"$ORIGIN", "${ORIGIN}"}) {
        size_t at = directory.find(origin);
        if (at != std::string::npos) {
          directory.replace(at, std::string_view(origin).size(),
                            directory_of(real_path(path).value_or(path)));
        }
      }
      std::string file = directory + "/" + name;
      if (library_at(file)) return {file};
    }
    std::vector<std::string> cached = find_in_loader_cache(cache_, name);
    std::erase_if(cached, [this](const std::string& file) { return !library_at(file); });
    if (!cached.empty()) return cached;
    for (const std::string& directory : directories_) {
      std::string file = directory + "/" + name;
      if (library_at(file)) return {file};
    }
    return {};
  }

  std::vector<std::string>& files_;
  const ElfFile* program_ = nullptr;
  std::string cache_;
  std::vector<std::string> directories_;
};

}  // namespace

std::vector<PathGrant> grants_to_start(const std::string& path) {
  struct stat st;
  if (stat(path.c_str(), &st) != 0) throw_errno(path);

  std::vector<std::string> files;
  std::string program = path;
  for (int i = 0; i <= kMaxInterpreters && !program.empty(); ++i) {
    files.push_back(program);
    Fd fd = open_file(program);
    if (!fd) break;
    if (std::optional<ElfFile> elf = read_elf(fd.get())) {
      Collector(&files).add_program(program, *elf);
      break;
    }
    program = script_interpreter(fd.get());
  }

  std::vector<PathGrant> grants;
  for (const std::string& file : files) {
    // Missing files are left out; the program itself exists.
    if (stat(file.c_str(), &st) != 0 || S_ISDIR(st.st_mode)) continue;
    grants.push_back({file, /*writable=*/false, /*must_be_file=*/true});
  }
  return grants;
}

std::string find_command(const std::string& command, const std::string& search, int* error) {
  auto usable = [](const std::string& path) {
    struct stat st;
    if (stat(path.c_str(), &st) != 0) return errno;
    if (!S_ISREG(st.st_mode)) return EACCES;
    return access(path.c_str(), X_OK) == 0 ? 0 : errno;
  };
  *error = ENOENT;
  if (command.empty()) return {};
  if (command.find('/') != std::string::npos) {
    *error = usable(command);
    return *error == 0 ? command : std::string();
  }
  for (const std::string& directory : split(search, ':')) {
    std::string path = (directory.empty() ? "." : directory) + "/" + command;
    int result = usable(path);
    if (result == 0) {
      *error = 0;
      return path;
    }
    if (result == EACCES) *error = EACCES;
  }
  return {};
}

}  // namespace filed
