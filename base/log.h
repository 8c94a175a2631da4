// Log lines: rank 0 to stderr, every rank to its own file. Passed by reference; there is no global
// logger.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace strata::base {

/// Lines may come from any thread.
class Log {
 public:
  struct Options {
    int rank = 0;
    bool quiet = false;  ///< info lines do not go to the console; warnings do
  };
  explicit Log(Options options);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// From now on every line also goes to `file` with a time stamp (appended).
  void open_file(const std::filesystem::path& file);

  void info(std::string_view line);     ///< console on rank 0, file on all
  void warning(std::string_view line);  ///< console on rank 0 with "warning: ", file on all
  void detail(std::string_view line);   ///< file only
  int rank() const;
  bool speaks() const;  ///< info lines go to the console

  /// Called before a line goes to the console and after (a progress bar steps aside). It must not
  /// log itself.
  void set_console_guard(std::function<void(bool before)> guard);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata::base
