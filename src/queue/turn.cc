#include "queue/turn.h"

#include <utility>

#include "base/log.h"

namespace filed {

void Turn::on_end(std::function<void(int error)> done) { on_end_.push_back(std::move(done)); }

void Turn::log_on_commit(std::string line) {
  on_end([line = std::move(line)](int error) {
    if (error == 0) log_info("%s", line.c_str());
  });
}

void Turn::on_rollback(std::function<void()> restore) {
  on_rollback_.push_back(std::move(restore));
}

int Turn::end() {
  if (!changed() && on_end_.empty()) {
    on_rollback_.clear();
    return 0;
  }
  int error = store_.commit();
  auto on_rollback = std::exchange(on_rollback_, {});
  auto on_end = std::exchange(on_end_, {});
  if (error != 0) {
    for (auto restore = on_rollback.rbegin(); restore != on_rollback.rend(); ++restore) {
      (*restore)();
    }
  }
  for (auto& done : on_end) done(error);
  return error;
}

}  // namespace filed
