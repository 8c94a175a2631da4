#include "base/progress.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace strata::base {
namespace {

TEST(Progress, Text) {
  EXPECT_EQ(progress_text({.what = "prepare", .done = 120, .total = 1000, .per_second = 4}),
            "prepare 120/1000 12.0% 4/s eta 00:03:40");
  EXPECT_EQ(progress_text({.what = "merge", .detail = "pairs", .done = 5}), "merge 5 pairs");
}

TEST(Progress, BarFitsTheLine) {
  const ProgressState state{.what = "w", .done = 1, .total = 2};
  EXPECT_EQ(progress_bar(state, 80, false),
            "[" + std::string(20, '=') + std::string(20, '-') + "] w 1/2 50.0%");
  for (int columns : {0, 1, 5, 20, 30, 40, 60, 200}) {
    EXPECT_LE(progress_bar(state, columns, false).size(),
              static_cast<size_t>(std::max(columns - 1, 0)));
  }
  EXPECT_NE(progress_bar(state, 80, true).find("\033["), std::string::npos);
  EXPECT_EQ(progress_bar({.what = "w", .done = 9, .total = 3}, 80, false).find('-'),
            std::string::npos);
}

TEST(Progress, SaysNothingWhereTheLogDoesNot) {
  testing::internal::CaptureStderr();
  for (const Log::Options& options : {Log::Options{.rank = 1}, Log::Options{.quiet = true}}) {
    Log log(options);
    Progress progress(log, "x");
    progress.update(1, 2);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Progress, ShortWorkOffATerminalLeavesNoLine) {
  testing::internal::CaptureStderr();
  Log log({});
  Progress progress(log, "x");
  for (int i = 0; i < 1000; ++i) progress.update(i, 1000);
  progress.finish();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

/// What a terminal gets while `act` runs.
template <class Act>
std::string on_a_terminal(Act act) {
  int master = -1, slave = -1;
  if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) return "";
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(slave, STDERR_FILENO);
  act();
  ::dup2(kept, STDERR_FILENO);
  ::close(kept);
  std::string seen(65536, '\0');
  seen.resize(static_cast<size_t>(std::max<ssize_t>(::read(master, seen.data(), seen.size()), 0)));
  ::close(slave);
  ::close(master);
  return seen;
}

TEST(Progress, ABarStepsAsideForLogLines) {
  const std::string seen = on_a_terminal([] {
    setenv("NO_COLOR", "1", 1);
    Log log({});
    Progress progress(log, "work");
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    progress.update(5, 10);
    log.info("a line");
    progress.finish();
    progress.update(6, 10);
    log.info("the end");
    unsetenv("NO_COLOR");
  });
  if (seen.empty()) GTEST_SKIP() << "no pseudo-terminal can be opened here";
  const size_t bar = seen.find("work 5/10 50.0%"), line = seen.find("\r\033[Ka line");
  const size_t again = seen.find("work 5/10", bar + 1), end = seen.find("\r\033[Kthe end");
  EXPECT_LT(bar, line) << seen;
  EXPECT_LT(line, again) << seen;
  EXPECT_LT(again, end) << seen;
  EXPECT_EQ(seen.find("\033[32m"), std::string::npos);
}

}  // namespace
}  // namespace strata::base
