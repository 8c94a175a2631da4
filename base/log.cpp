#include "base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <mutex>

#include "base/error.h"

namespace strata::base {

struct Log::State {
  Options options;
  std::mutex mutex;
  std::ofstream file;
  std::function<void(bool before)> guard;

  void to_console(std::string_view prefix, std::string_view line) {
    if (guard) guard(true);
    const std::string text = fmt::format("{}{}\n", prefix, line);
    std::fwrite(text.data(), 1, text.size(),
                stderr);  // unlike print, it does not throw where stderr is closed
    if (guard) guard(false);
  }

  /// A log that cannot be written does not end a run: the line is lost, the console still has it.
  void to_file(std::string_view prefix, std::string_view line) {
    if (!file.is_open()) return;
    file << fmt::format("{:%Y-%m-%d %H:%M:%S} {}{}\n", fmt::localtime(std::time(nullptr)), prefix,
                        line);
    file.flush();
    file.clear();
  }
};

Log::Log(Options options) : state_(std::make_unique<State>()) { state_->options = options; }
Log::~Log() = default;

void Log::open_file(const std::filesystem::path& file) {
  const std::lock_guard lock(state_->mutex);
  std::error_code error;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), error);
  state_->file = std::ofstream(file, std::ios::app);
  if (!state_->file)
    throw UserError(kDiskTrouble, fmt::format("cannot open the log file {}", file.string()));
}

void Log::info(std::string_view line) {
  const std::lock_guard lock(state_->mutex);
  if (speaks()) state_->to_console("", line);
  state_->to_file("", line);
}

void Log::warning(std::string_view line) {
  const std::lock_guard lock(state_->mutex);
  if (state_->options.rank == 0) state_->to_console("warning: ", line);
  state_->to_file("warning: ", line);
}

void Log::detail(std::string_view line) {
  const std::lock_guard lock(state_->mutex);
  state_->to_file("", line);
}

int Log::rank() const { return state_->options.rank; }
bool Log::speaks() const { return state_->options.rank == 0 && !state_->options.quiet; }

void Log::set_console_guard(std::function<void(bool before)> guard) {
  const std::lock_guard lock(state_->mutex);
  state_->guard = std::move(guard);
}

}  // namespace strata::base
