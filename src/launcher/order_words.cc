#include "launcher/order_words.h"

#include <sys/mman.h>

#include <cstddef>

#include "base/error.h"
#include "launcher/shared_memory.h"

namespace filed {
namespace {

enum State : uint32_t {
  kFree,
  kOrdered,
  kTaken,
  kRunning,
  kWithdrawn,
  kCondemned,
  kKilled,
  kKilledHere,
  kEnded
};

constexpr size_t kBytes = size_t{2} * OrderWords::kCount * sizeof(OrderWord);

FILED_SHARED_MEMORY bool change(OrderWord& word, uint32_t from, uint32_t to) noexcept {
  return word.compare_exchange_strong(from, to);
}

}  // namespace

OrderWords::OrderWords() {
  // All zero: kFree. Pages that are not used take no memory.
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw_errno("launcher: shared memory");
  words_ = static_cast<OrderWord*>(memory);
  groups_ = words_ + kCount;
}

OrderWords::~OrderWords() { munmap(words_, kBytes); }

uint32_t OrderWords::open() {
  uint32_t number = kNone;
  if (!free_.empty()) {
    number = free_.back();
    free_.pop_back();
  } else if (unused_ < kCount) {
    number = unused_++;
  } else {
    return kNone;
  }
  groups_[number] = 0;
  words_[number] = kOrdered;
  return number;
}

void OrderWords::close(uint32_t number) {
  words_[number] = kFree;
  free_.push_back(number);
}

bool OrderWords::withdraw(OrderWord& word) {
  if (change(word, kOrdered, kWithdrawn) || change(word, kTaken, kWithdrawn)) return true;
  return word == kWithdrawn;
}

bool OrderWords::condemn(OrderWord& word) { return change(word, kRunning, kCondemned); }

bool OrderWords::recall(OrderWord& word) { return change(word, kCondemned, kRunning); }

bool OrderWords::kill_here(OrderWord& word) {
  return change(word, kRunning, kKilledHere) || word == kKilledHere;
}

void OrderWords::leave(OrderWord& word) { change(word, kKilledHere, kRunning); }

bool OrderWords::end(OrderWord& word) {
  return change(word, kRunning, kEnded) || word != kKilledHere;
}

bool OrderWords::kill(OrderWord& word) { return change(word, kCondemned, kKilled); }

bool OrderWords::take(OrderWord& word) { return change(word, kOrdered, kTaken); }

FILED_SHARED_MEMORY bool OrderWords::run(OrderWord& word) noexcept {
  return change(word, kTaken, kRunning);
}

}  // namespace filed
