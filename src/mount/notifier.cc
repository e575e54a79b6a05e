#include "mount/notifier.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "base/log.h"

namespace filed {
namespace {

constexpr size_t kStackSize = 128 << 10;

}  // namespace

Notifier::~Notifier() {
  if (!started_) return;
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  pthread_join(thread_, nullptr);
}

void Notifier::start(const std::string& mount_dir) {
  root_.reset(open(mount_dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root_) throw_errno(mount_dir);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackSize);
  int error = pthread_create(&thread_, &attributes, run_thread, this);
  pthread_attr_destroy(&attributes);
  if (error != 0) throw_errno("pthread_create", error);
  started_ = true;
}

void Notifier::push(Event event) {
  std::lock_guard lock(mutex_);
  if (waiting_.size() >= kMostWaiting) {
    if (!dropping_) log_warning("inotify events lag behind; some are left out");
    dropping_ = true;
    return;
  }
  waiting_.push_back(std::move(event));
  if (waiting_.size() == 1) wake_.notify_one();
}

Notifier::Event Notifier::current() const {
  std::lock_guard lock(mutex_);
  return waiting_.empty() ? Event{} : waiting_.front();
}

void* Notifier::run_thread(void* self) {
  prctl(PR_SET_NAME, "filed-notifier");
  static_cast<Notifier*>(self)->run();
  return nullptr;
}

void Notifier::run() {
  tid_.store(static_cast<pid_t>(syscall(SYS_gettid)));
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
    if (stop_) return;
    const Event& event = waiting_.front();  // stays where it is: only this thread removes
    lock.unlock();
    repeat(event);
    lock.lock();
    waiting_.pop_front();
    if (waiting_.empty()) dropping_ = false;
  }
}

int Notifier::directory(Dir dir) {
  Fd& fd = directories_[static_cast<size_t>(dir)];
  if (!fd) fd.reset(openat(root_.get(), dir_name(dir).data(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return fd.get();
}

void Notifier::repeat(const Event& event) {
  // Any error is the end of it: the job has gone on meanwhile, or we may not enter a directory. The
  // kernel keeps nothing of the old place that it would not ask about again.
  const char* id = event.job.id.c_str();
  if (event.to) {
    renameat(directory(event.from), id, directory(*event.to), id);
  } else {
    unlinkat(directory(event.from), id, 0);
  }
}

}  // namespace filed
