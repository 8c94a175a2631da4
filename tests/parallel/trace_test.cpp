// The trace ring and what is read out of it: pages made by hand stand for the ranks of a stuck job.
#include "parallel/comm/trace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "parallel/comm/diagnosis.h"

namespace strata::parallel {
namespace {

using Pages = std::vector<std::unique_ptr<TracePage>>;

// Ranks that live in one process: each has a ring over its own page.
class StuckJob {
 public:
  explicit StuckJob(int ranks) {
    for (int rank = 0; rank < ranks; ++rank) {
      rings_.push_back(std::make_unique<TraceRing>(rank));
      pages_.push_back(std::make_unique<TracePage>());
      rings_.back()->move_to(pages_.back().get());
      pages_.back()->beat_ns = wall_clock_ns();
    }
  }

  void group(const std::string& name, const std::vector<int>& members) {
    for (const int rank : members)
      groups_[name].push_back({rank, ring(rank).add_group(name, members)});
  }
  // The rank enters a call of the group, and passes it or stays in it.
  void passes(int rank, const std::string& group, TraceCall call) {
    ring(rank).finish(ring(rank).begin(number(rank, group), call));
  }
  void stays_in(int rank, const std::string& group, TraceCall call) {
    ring(rank).enter_wait(ring(rank).begin(number(rank, group), call));
  }
  TraceRing& ring(int rank) { return *rings_[static_cast<size_t>(rank)]; }
  TracePage& page(int rank) { return *pages_[static_cast<size_t>(rank)]; }

  Scene scene() const {
    return {.pages = pages_, .now_ns = wall_clock_ns(), .silent_after_ns = 5'000'000'000};
  }

 private:
  int number(int rank, const std::string& group) {
    for (const auto& [member, number] : groups_[group]) {
      if (member == rank) return number;
    }
    return -1;
  }

  Pages pages_;
  std::vector<std::unique_ptr<TraceRing>> rings_;
  std::map<std::string, std::vector<std::pair<int, int>>> groups_;
};

const TraceCall kReduce{.op = CommOp::kAllReduce, .bytes = 4096, .dtype = "Float"};

TEST(Diagnosis, FollowsTheWaitingToTheRankBehind) {
  StuckJob job(4);
  job.group("pipeline", {0, 1});
  job.group("data", {1, 2, 3});
  for (const int rank : {1, 2, 3}) job.passes(rank, "data", kReduce);
  job.stays_in(
      0, "pipeline",
      {.op = CommOp::kExchange, .bytes = 64, .dtype = "Float", .peer = 1, .receives = true});
  job.stays_in(1, "data", kReduce);
  job.stays_in(2, "data", kReduce);
  EXPECT_EQ(ranks_behind(job.scene(), 0), (std::vector<int>{3}));
  const std::string words = explain_hang(job.scene(), 0);
  EXPECT_NE(words.find("rank 3 has not entered all_reduce #2 of group 'data' (4.0 KiB Float)"),
            std::string::npos)
      << words;
}

TEST(Diagnosis, ASilentRankIsBlamedEvenInsideTheCall) {
  StuckJob job(2);
  job.group("world", {0, 1});
  job.stays_in(0, "world", kReduce);
  job.stays_in(1, "world", kReduce);
  job.page(1).beat_ns = wall_clock_ns() - 60'000'000'000;
  EXPECT_EQ(ranks_behind(job.scene(), 0), (std::vector<int>{1}));
  EXPECT_NE(explain_hang(job.scene(), 0).find("rank 1 is stuck in all_reduce #1"),
            std::string::npos);
}

TEST(Diagnosis, CallsThatDoNotMatchAreShownSideBySide) {
  StuckJob job(2);
  job.group("world", {0, 1});
  job.stays_in(0, "world", kReduce);
  job.stays_in(1, "world", {.op = CommOp::kAllGather, .bytes = 4096, .dtype = "Float"});
  const std::string words = explain_hang(job.scene(), 0);
  EXPECT_NE(words.find("the calls do not match: rank 0 is in all_reduce #1"), std::string::npos)
      << words;
  EXPECT_NE(words.find("rank 1 in all_gather #1"), std::string::npos) << words;
}

TEST(Diagnosis, ACallThatAllHaveEnteredPointsAtTheNetwork) {
  StuckJob job(2);
  job.group("world", {0, 1});
  job.stays_in(0, "world", kReduce);
  job.stays_in(1, "world", kReduce);
  const std::string words = explain_hang(job.scene(), 0);
  EXPECT_NE(words.find("every rank of group 'world' is inside all_reduce #1"), std::string::npos)
      << words;
}

TEST(Diagnosis, ARingOfWaitingIsShown) {
  StuckJob job(3);
  job.group("pipeline", {0, 1, 2});
  for (int rank = 0; rank < 3; ++rank) {
    job.stays_in(rank, "pipeline",
                 {.op = CommOp::kExchange,
                  .bytes = 8,
                  .dtype = "Float",
                  .peer = (rank + 1) % 3,
                  .sends = true});
  }
  EXPECT_TRUE(ranks_behind(job.scene(), 0).empty());
  EXPECT_NE(explain_hang(job.scene(), 0).find("the ranks wait for each other"), std::string::npos);
}

TEST(Diagnosis, GroupsOfOneNameAreToldApartByTheirLeaders) {
  StuckJob job(4);
  job.group("tensor", {0, 1});
  job.group("tensor of the others", {2, 3});
  job.stays_in(0, "tensor", kReduce);
  EXPECT_EQ(ranks_behind(job.scene(), 0), (std::vector<int>{1}));
}

TEST(TraceRing, KeepsTheLastOperationsAndForgetsTheRest) {
  TraceRing ring(0);
  const int ranks[] = {0};
  const int group = ring.add_group("world", ranks);
  for (int i = 0; i < 200; ++i) ring.finish(ring.begin(group, kReduce));
  const std::string lines = ring.dump();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), TracePage::kEntries);
  EXPECT_NE(lines.find("all_reduce #200 "), std::string::npos);
  EXPECT_EQ(lines.find("all_reduce #136 "), std::string::npos);
  EXPECT_EQ(ring.page().find(100), nullptr);
}

TEST(TraceRing, GroupsGiveTheirPlacesBack) {
  TraceRing ring(0);
  const int ranks[] = {0};
  for (int i = 0; i < 1000; ++i)
    ring.remove_group(ring.add_group("a group with quite a long name indeed", ranks));
}

TEST(TraceRing, LongNamesAreCut) {
  TraceRing ring(0);
  const int ranks[] = {0};
  const int group = ring.add_group(std::string(100, 'x'), ranks);
  ring.begin(group, {.op = CommOp::kBarrier, .dtype = "a dtype with a very long name"});
  EXPECT_NE(ring.dump().find(std::string(31, 'x') + "'"), std::string::npos);
}

// What a GPU does: the call returns at once, the operation starts and ends on its own.
class FakeProbe : public Probe {
 public:
  bool started() override { return has_started; }
  bool finished() override { return has_finished; }
  bool has_started = false, has_finished = false;
};

TEST(TraceRing, AnOperationOnAStreamBlocksOnlyWhileItRuns) {
  TraceRing ring(0);
  const int ranks[] = {0};
  const int group = ring.add_group("world", ranks);
  auto probe = std::make_shared<FakeProbe>();
  const uint64_t sequence = ring.begin(group, kReduce);
  ring.watch_latest(probe);
  ring.finish(sequence);
  ring.poll_probes();
  EXPECT_EQ(ring.page().blocked(), nullptr) << "still behind other work of its stream";
  probe->has_started = true;
  ring.poll_probes();
  ASSERT_NE(ring.page().blocked(), nullptr);
  EXPECT_EQ(ring.page().blocked()->sequence, sequence);
  probe->has_finished = true;
  ring.poll_probes();
  EXPECT_EQ(ring.page().blocked(), nullptr);
  EXPECT_NE(ring.page().find(sequence)->finished_ns, 0);
}

}  // namespace
}  // namespace strata::parallel
