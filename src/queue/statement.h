// A prepared SQLite statement, one execution of it, and SQLite's result codes as errnos.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string_view>
#include <utility>

namespace filed {

// The errno for a result code of SQLite. 0 for SQLITE_OK, SQLITE_ROW and SQLITE_DONE; EIO for what
// has no errno of its own, also for damage.
int errno_of(int rc);

// Owns a prepared statement, and finalizes it.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* stmt) : stmt_(stmt) {}
  Statement(Statement&& other) noexcept : stmt_(std::exchange(other.stmt_, nullptr)) {}
  Statement& operator=(Statement&& other) noexcept {
    std::swap(stmt_, other.stmt_);
    return *this;
  }
  ~Statement() { sqlite3_finalize(stmt_); }

  // One execution. Each bind function sets the next parameter, from the first one on. The
  // destructor resets the statement. Bytes that are bound are not copied: they must live as long as
  // the Use.
  class Use {
   public:
    explicit Use(const Statement& statement) : stmt_(statement.stmt_) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() {
      sqlite3_reset(stmt_);
      sqlite3_clear_bindings(stmt_);
    }

    Use& bind(int64_t value) {
      sqlite3_bind_int64(stmt_, ++bound_, value);
      return *this;
    }
    // Stores 0 as NULL, which takes no space in the row.
    Use& bind_or_null(int64_t value) { return value == 0 ? bind_null() : bind(value); }
    Use& bind_null() {
      sqlite3_bind_null(stmt_, ++bound_);
      return *this;
    }
    Use& bind_blob(std::string_view bytes) {
      // An empty view may have no address, which SQLite would take for NULL.
      sqlite3_bind_blob64(stmt_, ++bound_, bytes.empty() ? "" : bytes.data(), bytes.size(),
                          SQLITE_STATIC);
      return *this;
    }
    Use& bind_text(std::string_view text) {
      sqlite3_bind_text64(stmt_, ++bound_, text.empty() ? "" : text.data(), text.size(),
                          SQLITE_STATIC, SQLITE_UTF8);
      return *this;
    }

    // SQLITE_ROW, SQLITE_DONE or an error code.
    int step() { return sqlite3_step(stmt_); }

    bool is_null(int column) const { return sqlite3_column_type(stmt_, column) == SQLITE_NULL; }
    int64_t integer(int column) const { return sqlite3_column_int64(stmt_, column); }
    // Valid until the next step.
    std::string_view bytes(int column) const {
      const void* data = sqlite3_column_blob(stmt_, column);
      return {static_cast<const char*>(data),
              static_cast<size_t>(sqlite3_column_bytes(stmt_, column))};
    }

   private:
    sqlite3_stmt* stmt_;
    int bound_ = 0;
  };

 private:
  sqlite3_stmt* stmt_ = nullptr;
};

}  // namespace filed
