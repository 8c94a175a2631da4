// Every parallel axis against one rank: eight steps of training on every layout of these ranks,
// with every pair of the other choices, give one rank's loss, gradients, norm and weights in fp32.
// STRATA_LAYOUTS=all takes the whole product and STRATA_LAYOUTS=all:3/20 the third of twenty equal
// parts of it (scripts/all_layouts.sh).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "parallel/comm/collectives.h"
#include "parallel/comm/world.h"
#include "tests/trainer/layout_training.h"

namespace strata::trainer {
namespace {

using tests::LayoutCase;

/// Which cases are wished for: of the whole product, every one whose number is `part` modulo
/// `parts`.
struct Wish {
  bool whole_product = false;
  size_t part = 0, parts = 1;
};

Wish wish_of_environment() {
  const char* text = std::getenv("STRATA_LAYOUTS");
  if (text == nullptr) return {};
  size_t part = 1, parts = 1;
  const bool is_all = std::string_view(text) == "all";
  const bool is_part = std::sscanf(text, "all:%zu/%zu", &part, &parts) == 2;
  EXPECT_TRUE((is_all || is_part) && part >= 1 && part <= parts)
      << "STRATA_LAYOUTS is '" << text << "'; legal: all, all:PART/PARTS";
  return {true, part - 1, parts};
}

TEST(Layouts, EqualOneRank) {
  const auto world = parallel::make_mpi_world();
  const Wish wish = wish_of_environment();
  const auto start = std::chrono::steady_clock::now();
  const std::vector<LayoutCase> cases = tests::cases_of(world->size(), wish.whole_product);
  tests::References references;
  std::unique_ptr<parallel::ParallelContext> context;
  int count = 0, differing = 0;
  for (size_t i = wish.part; i < cases.size(); i += wish.parts) {
    const LayoutCase& one = cases[i];
    if (!context || !(context->layout() == one.layout))
      context = tests::layout_context(*world, one.layout);
    const tests::Comparison compared(tests::train(*context, one), references.of(one));
    EXPECT_EQ(compared.differences, "") << one.where();
    const bool differs = parallel::all_sum(*world, compared.differences.empty() ? 0.0 : 1.0) > 0;
    differing += differs ? 1 : 0;
    ++count;
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  if (world->rank() == 0) {
    fmt::print("{} ranks: {} of {} cases compared with one rank, {} differ, {:.0f} s\n",
               world->size(), count, cases.size(), differing, seconds.count());
  }
}

/// The cover leaves no pair out.
TEST(Layouts, CoverHoldsEveryPair) {
  const parallel::MeshLayout layout(2, 1, 1, 2);
  const auto whole = tests::legal_choices(layout), cover = tests::covering_choices(layout);
  tests::PairSet seen(whole.front().size(), std::ranges::max(tests::layout_cases::kValues));
  for (const auto& choice : cover) seen.add(choice);
  for (const auto& choice : whole) ASSERT_EQ(seen.missing(choice), 0);
  EXPECT_LT(cover.size() * 10, whole.size());
}

}  // namespace
}  // namespace strata::trainer
