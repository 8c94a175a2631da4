#include "base/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/format.h"

namespace strata::base {
namespace {

constexpr auto kBetweenBars = std::chrono::milliseconds(100);
constexpr auto kBetweenLines = std::chrono::seconds(30);
constexpr const char* kEraseLine = "\r\033[K";

bool colors_wanted() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color == nullptr || *no_color == '\0';
}

int terminal_columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

void put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

std::string progress_text(const ProgressState& state) {
  std::string text = fmt::format("{} {}", state.what, state.done);
  if (state.total > 0) {
    const double share = 100.0 * static_cast<double>(state.done) / static_cast<double>(state.total);
    text += fmt::format("/{} {:.1f}%", state.total, share);
  }
  if (state.per_second >= 0) text += fmt::format(" {}/s", format_count(state.per_second));
  if (state.total > 0 && state.per_second > 0) {
    text +=
        " eta " + format_duration(static_cast<double>(state.total - state.done) / state.per_second);
  }
  return state.detail.empty() ? text : text + " " + state.detail;
}

std::string progress_bar(const ProgressState& state, int columns, bool color) {
  constexpr int kNarrowest = 10, kWidest = 40;
  std::string text = progress_text(state);
  const int room = columns - 1;  // the last column would break the line on some terminals
  if (static_cast<int>(text.size()) > room) text.resize(static_cast<size_t>(std::max(room, 0)));
  const int width = std::min(kWidest, room - static_cast<int>(text.size()) - 3);
  if (state.total <= 0 || width < kNarrowest) return text;
  const double share =
      std::clamp(static_cast<double>(state.done) / static_cast<double>(state.total), 0.0, 1.0);
  const auto filled = static_cast<size_t>(share * width);
  const std::string full(filled, '='), rest(static_cast<size_t>(width) - filled, '-');
  if (!color) return fmt::format("[{}{}] {}", full, rest, text);
  return fmt::format("[\033[32m{}\033[2;39m{}\033[0m] {}", full, rest, text);
}

Progress::Progress(Log& log, std::string what)
    : log_(log),
      speaks_(log.speaks()),
      terminal_(::isatty(STDERR_FILENO) == 1),
      color_(colors_wanted()),
      last_shown_(Clock::now()) {
  state_.what = std::move(what);
  if (speaks_ && terminal_) log_.set_console_guard([this](bool before) { step_aside(before); });
}

Progress::~Progress() { finish(); }

void Progress::update(int64_t done, int64_t total, std::string_view detail) {
  if (!speaks_ || finished_) return;
  std::unique_lock lock(mutex_);
  const auto now = Clock::now();
  if (first_done_ < 0) {
    first_done_ = done;
    first_time_ = now;
  }
  state_.done = done;
  state_.total = total;
  if (now - last_shown_ <
      (terminal_ ? Clock::duration(kBetweenBars) : Clock::duration(kBetweenLines)))
    return;
  last_shown_ = now;
  state_.detail = detail;
  const double seconds = std::chrono::duration<double>(now - first_time_).count();
  state_.per_second = done > first_done_ ? static_cast<double>(done - first_done_) / seconds : -1;
  if (terminal_) return draw();
  const std::string text = progress_text(state_);
  lock.unlock();
  log_.info(text);
}

void Progress::finish() {
  if (!speaks_ || finished_) return;
  finished_ = true;
  if (!terminal_) return;
  log_.set_console_guard({});
  const std::lock_guard lock(mutex_);
  erase();
}

void Progress::draw() {
  if (aside_) return;
  put(kEraseLine + progress_bar(state_, terminal_columns(), color_));
  drawn_ = true;
}

void Progress::erase() {
  if (drawn_) put(kEraseLine);
  drawn_ = false;
}

/// Called around a line of the log: the bar goes before it and comes back after it.
void Progress::step_aside(bool before) {
  const std::lock_guard lock(mutex_);
  if (before) {
    aside_ = drawn_;
    erase();
  } else if (aside_) {
    aside_ = false;
    draw();
  }
}

}  // namespace strata::base
