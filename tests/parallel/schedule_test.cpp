// Schedules as data: every order is legal, has the bubble and the memory that its paper states, and
// the checker finds what is wrong.
#include "parallel/pipeline/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/error.h"

namespace strata::parallel {
namespace {

ScheduleFacts facts_of(const std::string& name, ScheduleShape shape,
                       Queues queues = Queues::kFour) {
  return check(lower(make_schedule(name, shape)), queues);
}

std::string error_of(const std::string& name, ScheduleShape shape, Queues queues = Queues::kFour) {
  try {
    facts_of(name, shape, queues);
  } catch (const base::UserError& error) {
    EXPECT_EQ(error.exit_code, base::kBadUsage);
    return error.what();
  }
  return "";
}

TEST(Schedule, EveryOrderEndsForEveryShape) {
  for (const ScheduleEntry& entry : schedules()) {
    for (int stages = 1; stages <= 8; ++stages) {
      for (int chunks = 1; chunks <= 3; ++chunks) {
        for (int microbatches = 1; microbatches <= 17; ++microbatches) {
          const ScheduleShape shape{stages, chunks, microbatches};
          if (!entry.legal(shape).empty()) continue;
          SCOPED_TRACE(std::string(entry.name) + " " + std::to_string(stages) + "x" +
                       std::to_string(chunks) + "x" + std::to_string(microbatches));
          EXPECT_NO_THROW(check(lower(entry.compute_order(shape))));
        }
      }
    }
  }
}

TEST(Schedule, BubbleOfGpipeAnd1f1bIsThePapers) {
  for (int p = 2; p <= 8; ++p) {
    for (int m : {1, 2, 8, 16}) {
      const double expected = (p - 1.0) / (m + p - 1);
      EXPECT_NEAR(facts_of("gpipe", {p, 1, m}).bubble, expected, 1e-12);
      EXPECT_NEAR(facts_of("1f1b", {p, 1, m}).bubble, expected, 1e-12);
    }
  }
}

TEST(Schedule, InterleavingDividesTheBubbleByTheChunks) {
  for (int p : {2, 4}) {
    for (int v : {2, 3}) {
      const int m = 4 * p;
      const double idle =
          (p - 1.0) /
          v;  // Narayanan et al. 2021: bubble time (p - 1)(F + B) / v against m (F + B) of work
      EXPECT_NEAR(facts_of("interleaved", {p, v, m}).bubble, idle / (m + idle), 1e-12);
    }
  }
}

TEST(Schedule, ZeroBubbleIdlesAThirdOf1f1bWithItsMemory) {
  for (int p : {2, 4, 8}) {
    const int m = 4 * p;
    const ScheduleFacts facts = facts_of("zero_bubble", {p, 1, m});
    const double idle = p - 1.0;  // ZB-H1 in units of F: (p - 1)(F + I - W)
    EXPECT_LE(facts.bubble, idle / (3.0 * m + idle) + 1e-12);
    EXPECT_LE(std::ranges::max(facts.peak_in_flight), p);
  }
}

TEST(Schedule, PeakActivations) {
  EXPECT_EQ(facts_of("gpipe", {4, 1, 8}).peak_in_flight, (std::vector<int>{8, 8, 8, 8}));
  EXPECT_EQ(facts_of("1f1b", {4, 1, 8}).peak_in_flight, (std::vector<int>{4, 3, 2, 1}));
}

TEST(Schedule, TooFewQueuesDeadlock) {
  EXPECT_NE(error_of("1f1b", {4, 1, 8}, Queues::kOne).find("never ends"), std::string::npos);
  EXPECT_EQ(error_of("1f1b", {4, 1, 8}, Queues::kTwo), "");
  EXPECT_NE(error_of("interleaved", {4, 2, 8}, Queues::kTwo).find("never ends"), std::string::npos);
  EXPECT_EQ(error_of("interleaved", {4, 2, 8}, Queues::kFour), "");
}

TEST(Schedule, WrongPlansAreRefusedInWords) {
  Schedule twice = make_schedule("1f1b", {2, 1, 2});
  twice.program[0].push_back({Op::kForward, 0, 1});
  EXPECT_THROW(check(lower(twice)), base::UserError);

  Schedule missing = make_schedule("1f1b", {2, 1, 2});
  missing.program[1].pop_back();
  EXPECT_THROW(check(lower(missing)), base::UserError);

  Schedule swapped = make_schedule("gpipe", {2, 1, 2});
  std::swap(swapped.program[1][0],
            swapped.program[1][1]);  // receives come in another order than they were sent
  EXPECT_THROW(check(lower(swapped)), base::UserError);

  Schedule weights_first = make_schedule("zero_bubble", {2, 1, 1});
  std::swap(weights_first.program[1][1], weights_first.program[1][2]);
  EXPECT_THROW(check(lower(weights_first)), base::UserError);
}

// Weights change between steps alone, so a plan that leaves a backward or a weight gradient for
// after the step, or uses them before the forward, is none.
TEST(Trap15WeightVersion, EveryMicrobatchEndsWithinTheStep) {
  for (const char* name : {"gpipe", "1f1b", "zero_bubble"}) {
    for (int stage = 0; stage < 2; ++stage) {
      Schedule left_over = make_schedule(name, {2, 1, 4});
      left_over.program[static_cast<size_t>(stage)].pop_back();
      EXPECT_THROW(check(lower(left_over)), base::UserError) << name << " " << stage;
    }
  }
  Schedule early = make_schedule("1f1b", {2, 1, 2});
  std::swap(early.program[1][0], early.program[1][1]);
  EXPECT_THROW(check(lower(early)), base::UserError);
}

TEST(Schedule, NamesAndShapesThatDoNotFitNameTheirKey) {
  EXPECT_NE(error_of("1f1", {2, 1, 2}).find("did you mean '1f1b'"), std::string::npos);
  EXPECT_NE(error_of("1f1b", {2, 2, 2}).find("parallel.chunks"), std::string::npos);
  EXPECT_NE(error_of("interleaved", {2, 2, 3}).find("batch.micro"), std::string::npos);
}

TEST(Schedule, OneStageOfAnyScheduleAccumulates) {
  for (const char* name : {"gpipe", "1f1b", "interleaved", "zero_bubble"}) {
    const Schedule schedule = make_schedule(name, {1, 1, 2});
    const std::vector<Action> expected{
        {Op::kForward, 0, 0}, {Op::kBackward, 0, 0}, {Op::kForward, 0, 1}, {Op::kBackward, 0, 1}};
    EXPECT_EQ(schedule.program[0], expected);
    EXPECT_EQ(lower(schedule).program[0], expected);
  }
}

TEST(Schedule, CsvBringsAnOwnSchedule) {
  const std::string file = testing::TempDir() + "own_schedule.csv";
  std::ofstream(file) << "F0.0,F0.1,,B0.0,B0.1\nF0.0,B0.0,F0.1,B0.1\n";
  EXPECT_EQ(facts_of(file, {2, 1, 2}).peak_in_flight, (std::vector<int>{2, 1}));
  std::ofstream(file) << "F0,F1,,B0,B1\nF0,B0,F1,B1\n";
  EXPECT_EQ(facts_of(file, {2, 1, 2}).peak_in_flight, (std::vector<int>{2, 1}));
  EXPECT_NE(error_of(file, {2, 2, 2}).find(":1: 'F0'"), std::string::npos);
  std::ofstream(file) << "F0.0,G0.1\nF0.0\n";
  EXPECT_NE(error_of(file, {2, 1, 2}).find(":1: 'G0.1'"), std::string::npos);
}

TEST(Schedule, CsvThatTrainsNothingOrNeverEndsIsRefusedByItsName) {
  const std::string file = testing::TempDir() + "own_schedule.csv";
  std::ofstream(file) << "F0,F1\nF0,F1\n";
  EXPECT_NE(error_of(file, {2, 1, 2}).find(file + ": forwards alone"), std::string::npos);
  std::ofstream(file) << "F0,B0,F1,B1\nF1,B1,F0,B0\n";
  EXPECT_NE(error_of(file, {2, 1, 2}).find(file + ": parallel.schedule never ends"),
            std::string::npos);
  EXPECT_NE(error_of("forward_only", {2, 1, 2}).find("no schedule"), std::string::npos);
}

TEST(Schedule, TableShowsTheGrid) {
  EXPECT_EQ(table(make_schedule("1f1b", {2, 1, 2})),
            "stage 0  F0 F1 .  .  B0 B0 .  B1 B1\n"
            "stage 1  .  F0 B0 B0 F1 B1 B1\n");
}

}  // namespace
}  // namespace strata::parallel
