#include "fault_vfs.h"

#include <algorithm>
#include <cstring>
#include <utility>

using Kind = FaultDisk::Change::Kind;

// An open file. SQLite allocates and frees its memory.
struct FaultFile {
  sqlite3_file base;
  struct State {
    FaultDisk* disk;
    std::string name;
    std::shared_ptr<FaultDisk::File> file;
    int64_t generation;
  };
  State* state;

  static State& of(sqlite3_file* file) { return *reinterpret_cast<FaultFile*>(file)->state; }
  static bool is_dead(const State& state) { return state.generation != state.disk->generation_; }

  static int close(sqlite3_file* file) {
    delete std::exchange(reinterpret_cast<FaultFile*>(file)->state, nullptr);
    return SQLITE_OK;
  }

  static int read(sqlite3_file* file, void* to, int size, sqlite3_int64 at) {
    State& state = of(file);
    if (is_dead(state) || state.disk->fail_reads_) return SQLITE_IOERR_READ;
    const std::string& data = state.file->data;
    auto length = static_cast<int64_t>(data.size());
    int64_t there = std::clamp<int64_t>(length - at, 0, size);
    if (there > 0) memcpy(to, data.data() + at, static_cast<size_t>(there));
    if (there == size) return SQLITE_OK;
    memset(static_cast<char*>(to) + there, 0, static_cast<size_t>(size - there));
    return SQLITE_IOERR_SHORT_READ;
  }

  static int write(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
    State& state = of(file);
    if (is_dead(state)) return SQLITE_IOERR_WRITE;
    std::string_view bytes(static_cast<const char*>(from), static_cast<size_t>(size));
    FaultDisk& disk = *state.disk;
    int64_t growth = at + size - static_cast<int64_t>(state.file->data.size());
    int code = SQLITE_OK;
    if (disk.capacity_ >= 0 && growth > 0 && disk.size() + growth > disk.capacity_) {
      return SQLITE_FULL;
    }
    code = disk.next_change(Kind::kWrite, state.name, at, bytes);
    if (code != SQLITE_OK) bytes = bytes.substr(0, bytes.size() / 2);
    FaultDisk::write(state.file->data, at, bytes);
    state.file->unsynced.push_back({Kind::kWrite, {}, at, std::string(bytes)});
    return code;
  }

  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    State& state = of(file);
    if (is_dead(state)) return SQLITE_IOERR_TRUNCATE;
    if (int code = state.disk->next_change(Kind::kTruncate, state.name, size)) return code;
    state.file->data.resize(static_cast<size_t>(size));
    state.file->unsynced.push_back({Kind::kTruncate, {}, size, {}});
    return SQLITE_OK;
  }

  static int sync(sqlite3_file* file, int) {
    State& state = of(file);
    if (is_dead(state)) return SQLITE_IOERR_FSYNC;
    if (int code = state.disk->next_change(Kind::kSync, state.name)) return code;
    for (const FaultDisk::Change& change : std::exchange(state.file->unsynced, {})) {
      if (change.kind == Kind::kWrite) {
        FaultDisk::write(state.file->synced, change.at, change.bytes);
      } else {
        state.file->synced.resize(static_cast<size_t>(change.at));
      }
    }
    state.file->exists_synced = true;
    return SQLITE_OK;
  }

  static int size(sqlite3_file* file, sqlite3_int64* size) {
    *size = static_cast<sqlite3_int64>(of(file).file->data.size());
    return SQLITE_OK;
  }

  static const sqlite3_io_methods kMethods;
};

const sqlite3_io_methods FaultFile::kMethods = [] {
  sqlite3_io_methods methods{};
  methods.iVersion = 1;  // no shared memory: filed does without
  methods.xClose = close;
  methods.xRead = read;
  methods.xWrite = write;
  methods.xTruncate = truncate;
  methods.xSync = sync;
  methods.xFileSize = size;
  methods.xLock = [](sqlite3_file*, int) { return SQLITE_OK; };
  methods.xUnlock = [](sqlite3_file*, int) { return SQLITE_OK; };
  methods.xCheckReservedLock = [](sqlite3_file*, int* result) {
    *result = 0;
    return SQLITE_OK;
  };
  methods.xFileControl = [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; };
  methods.xSectorSize = [](sqlite3_file*) { return 4096; };
  // As the unix VFS reports for every disk: a write does not damage the bytes beside it.
  methods.xDeviceCharacteristics = [](sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; };
  return methods;
}();

FaultDisk::FaultDisk() {
  before_ = sqlite3_vfs_find(nullptr);
  vfs_ = *before_;
  vfs_.iVersion = 2;
  vfs_.szOsFile = sizeof(FaultFile);
  vfs_.pNext = nullptr;
  vfs_.zName = "fault";
  vfs_.pAppData = this;
  vfs_.xOpen = open;
  vfs_.xDelete = remove;
  vfs_.xAccess = access;
  vfs_.xFullPathname = full_path;
  // The other methods are those of the real VFS. SQLite uses them only to get the time.
  sqlite3_vfs_register(&vfs_, 1);
}

FaultDisk::~FaultDisk() {
  sqlite3_vfs_unregister(&vfs_);
  sqlite3_vfs_register(before_, 1);
}

int FaultDisk::open(sqlite3_vfs* vfs, const char* name, sqlite3_file* opened, int flags, int* out) {
  auto& disk = *static_cast<FaultDisk*>(vfs->pAppData);
  auto* file = reinterpret_cast<FaultFile*>(opened);
  file->base.pMethods = nullptr;
  std::shared_ptr<File> data;
  std::string path = name == nullptr ? "" : name;
  if (name == nullptr) {
    data = std::make_shared<File>();  // a temporary one
  } else if (auto found = disk.files_.find(path); found != disk.files_.end()) {
    data = found->second;
  } else if (flags & (SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB)) {
    if (int code = disk.next_change(Kind::kCreate, path)) return code;
    data = disk.files_[path] = std::make_shared<File>();
  } else {
    return SQLITE_CANTOPEN;
  }
  file->state = new FaultFile::State{&disk, path, data, disk.generation_};
  file->base.pMethods = &FaultFile::kMethods;
  if (out != nullptr) *out = flags;
  return SQLITE_OK;
}

int FaultDisk::remove(sqlite3_vfs* vfs, const char* name, int) {
  auto& disk = *static_cast<FaultDisk*>(vfs->pAppData);
  if (!disk.files_.contains(name)) return SQLITE_IOERR_DELETE_NOENT;
  if (int code = disk.next_change(Kind::kRemove, name)) return code;
  disk.files_.erase(name);
  return SQLITE_OK;
}

int FaultDisk::access(sqlite3_vfs* vfs, const char* name, int, int* result) {
  auto& disk = *static_cast<FaultDisk*>(vfs->pAppData);
  *result = disk.files_.contains(name);
  return SQLITE_OK;
}

int FaultDisk::full_path(sqlite3_vfs*, const char* name, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", name);
  return SQLITE_OK;
}

int FaultDisk::next_change(Change::Kind kind, const std::string& file, int64_t at,
                           std::string_view bytes) {
  ++changes_;
  if (fail_in_ > 0) {
    if (fail_in_ > 1) {
      --fail_in_;
    } else {
      has_failed_ = true;
      if (fail_more_-- == 0) fail_in_ = 0;
      return fail_code_;
    }
  }
  if (recording_) recorded_.push_back({kind, file, at, std::string(bytes)});
  return SQLITE_OK;
}

void FaultDisk::write(std::string& data, int64_t at, std::string_view bytes) {
  auto start = static_cast<size_t>(at);
  if (data.size() < start + bytes.size()) data.resize(start + bytes.size());
  std::copy(bytes.begin(), bytes.end(), data.begin() + at);
}

void FaultDisk::fail(int64_t n, int code, int64_t more) {
  fail_in_ = n;
  fail_code_ = code;
  fail_more_ = more;
  has_failed_ = false;
}

int64_t FaultDisk::size() const {
  int64_t size = 0;
  for (const auto& [name, file] : files_) size += static_cast<int64_t>(file->data.size());
  return size;
}

void FaultDisk::cut_power(std::mt19937& random, double keep) {
  auto survives = [&] { return std::generate_canonical<double, 32>(random) < keep; };
  std::map<std::string, std::shared_ptr<File>> left;
  for (const auto& [name, file] : files_) {
    if (!file->exists_synced && !survives()) continue;
    auto after = std::make_shared<File>();
    after->data = file->synced;
    for (const Change& change : file->unsynced) {
      if (change.kind == Kind::kTruncate) {
        if (survives()) after->data.resize(static_cast<size_t>(change.at));
        continue;
      }
      std::string_view bytes = change.bytes;
      for (int64_t at = change.at; !bytes.empty();) {
        auto piece = std::min(static_cast<size_t>(kSector - at % kSector), bytes.size());
        // Sometimes a sector is written in part.
        size_t kept = random() % 16 == 0 ? random() % piece : piece;
        if (survives()) write(after->data, at, bytes.substr(0, kept));
        at += static_cast<int64_t>(piece);
        bytes.remove_prefix(piece);
      }
    }
    after->synced = after->data;
    after->exists_synced = true;
    left[name] = after;
  }
  files_ = std::move(left);
  ++generation_;
}

void FaultDisk::cut_process() {
  for (auto& [name, file] : files_) file = std::make_shared<File>(*file);
  ++generation_;
}

void FaultDisk::apply(const Change& change) {
  auto& file = files_[change.file];
  if (file == nullptr) file = std::make_shared<File>();
  FaultFile::State state{this, change.file, file, generation_};
  FaultFile handle{{}, &state};
  sqlite3_file* opened = &handle.base;
  switch (change.kind) {
    case Kind::kCreate:
      break;
    case Kind::kWrite:
      FaultFile::write(opened, change.bytes.data(), static_cast<int>(change.bytes.size()),
                       change.at);
      break;
    case Kind::kTruncate:
      FaultFile::truncate(opened, change.at);
      break;
    case Kind::kSync:
      FaultFile::sync(opened, 0);
      break;
    case Kind::kRemove:
      files_.erase(change.file);
  }
}

void FaultDisk::clear() {
  files_.clear();
  ++generation_;
}

void FaultDisk::copy_from(const FaultDisk& other) {
  files_.clear();
  for (const auto& [name, file] : other.files_) files_[name] = std::make_shared<File>(*file);
  ++generation_;
}
