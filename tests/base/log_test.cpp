#include "base/log.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/file.h"
#include "tests/support/temp_folder.h"

namespace strata::base {
namespace {

TEST(Log, RankZeroSpeaksAndEveryRankWrites) {
  const tests::TempFolder folder;
  for (int rank : {0, 1}) {
    testing::internal::CaptureStderr();
    Log log({.rank = rank});
    log.info("before the file");
    log.open_file(folder / "log" / "rank.log");
    log.info("hello");
    log.warning("careful");
    log.detail("small print");
    EXPECT_EQ(testing::internal::GetCapturedStderr(),
              rank == 0 ? "before the file\nhello\nwarning: careful\n" : "");
    EXPECT_EQ(log.rank(), rank);
  }
  const std::string text = read_file(folder / "log" / "rank.log");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 6);
  EXPECT_NE(text.find(" warning: careful\n"), std::string::npos);
  EXPECT_NE(text.find(" small print\n"), std::string::npos);
}

TEST(Log, QuietKeepsWarnings) {
  testing::internal::CaptureStderr();
  Log log({.rank = 0, .quiet = true});
  log.info("hello");
  log.warning("careful");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "warning: careful\n");
}

TEST(Log, TheGuardStandsAroundEveryConsoleLine) {
  testing::internal::CaptureStderr();
  Log log({});
  std::string calls;
  log.set_console_guard([&](bool before) { calls += before ? '<' : '>'; });
  log.info("a");
  log.detail("b");
  log.warning("c");
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(calls, "<><>");
}

TEST(Log, LinesOfSeveralThreadsStayWhole) {
  const tests::TempFolder folder;
  Log log({.rank = 1});
  log.open_file(folder / "t.log");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) log.info("0123456789");
    });
  }
  for (auto& thread : threads) thread.join();
  const std::string text = read_file(folder / "t.log");
  size_t whole = 0;
  for (size_t at = 0; (at = text.find(" 0123456789\n", at)) != text.npos; ++at) ++whole;
  EXPECT_EQ(whole, 400u);
}

}  // namespace
}  // namespace strata::base
