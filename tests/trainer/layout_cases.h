// What the proof of layouts enumerates: every way to cut a small model and its step over some
// ranks, as far as it is legal. Knows neither how a case is run nor what it is compared with.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "model/block.h"
#include "parallel/mesh/layout.h"
#include "tests/parallel/layouts.h"
#include "tests/support/pairwise.h"

namespace strata::tests {

/// The rows of one optimizer step, on all ranks together.
inline constexpr int kStepRows = 4;
inline constexpr std::array kArchitectures{"gpt2", "llama", "mistral", "qwen2"};
inline constexpr std::array kRecomputes{model::Recompute::kNone, model::Recompute::kSelective,
                                        model::Recompute::kFull};
/// Rows of a micro-batch: four, two and one micro-batches a step where there is one data rank.
inline constexpr std::array kMicroRows{1, 2, 4};
struct NamedOrder {
  const char* schedule;
  int chunks;
};
inline constexpr std::array<NamedOrder, 5> kOrders{
    {{"accumulate", 1}, {"gpipe", 1}, {"1f1b", 1}, {"interleaved", 2}, {"zero_bubble", 1}}};

struct LayoutCase {
  // What is trained: the reference depends on these alone.
  std::string architecture;
  bool tied;
  double dropout;
  int layers;
  // How it is cut: these change nothing.
  parallel::MeshLayout layout;
  bool sequence;
  int zero;
  NamedOrder order;
  model::Recompute recompute;
  int micro;

  std::string what() const {
    return fmt::format("{} tied {} dropout {} layers {}", architecture, tied, dropout, layers);
  }
  std::string where() const {
    return fmt::format("{}, {}, sequence {} zero {} {} chunks {} recompute {} micro {}", what(),
                       layout.summary(), sequence, zero, order.schedule, order.chunks,
                       static_cast<int>(recompute), micro);
  }
};

namespace layout_cases {

// The factors of a choice, in the order of `product`.
enum Factor { kArchitecture, kTied, kDropout, kSequence, kZero, kOrder, kRecompute, kMicro };
inline const std::vector<int> kValues{
    kArchitectures.size(), 2, 2, 2, 4, kOrders.size(), kRecomputes.size(), kMicroRows.size()};

inline LayoutCase case_of(const parallel::MeshLayout& layout, const Choice& choice) {
  const auto value = [&](Factor factor) { return static_cast<size_t>(choice[factor]); };
  const NamedOrder order = kOrders[value(kOrder)];
  return {.architecture = kArchitectures[value(kArchitecture)],
          .tied = value(kTied) == 1,
          .dropout = value(kDropout) == 1 ? 0.1 : 0.0,
          .layers = std::max(4, layout.pipeline() * order.chunks),
          .layout = layout,
          .sequence = value(kSequence) == 1,
          .zero = choice[kZero],
          .order = order,
          .recompute = kRecomputes[value(kRecompute)],
          .micro = kMicroRows[value(kMicro)]};
}

inline bool is_legal(const LayoutCase& one) {
  const int unit = one.micro * one.layout.data();
  if (kStepRows % unit != 0) return false;
  if (one.sequence && one.layout.tensor() == 1) return false;  // nothing to cut the tokens over
  const std::string_view schedule = one.order.schedule;
  // One stage has one order, which is no order of several.
  if ((one.layout.pipeline() == 1) != (schedule == "accumulate")) return false;
  return schedule != "interleaved" || kStepRows / unit % one.layout.pipeline() == 0;
}

}  // namespace layout_cases

/// The legal choices of one layout: all of them.
inline std::vector<Choice> legal_choices(const parallel::MeshLayout& layout) {
  return product(layout_cases::kValues, [&](const Choice& choice) {
    return layout_cases::is_legal(layout_cases::case_of(layout, choice));
  });
}

/// Few of them that hold every pair.
inline std::vector<Choice> covering_choices(const parallel::MeshLayout& layout) {
  return pairwise_cover(legal_choices(layout), std::ranges::max(layout_cases::kValues));
}

/// Up to four ranks: every layout. Eight: two each along tensor, data and pipeline.
inline std::vector<parallel::MeshLayout> proven_layouts(int ranks) {
  if (ranks == 8) return {parallel::MeshLayout(2, 1, 2, 2)};
  return layouts_of(ranks);
}

/// The cases of these ranks: a pairwise cover of each layout, or the whole product.
inline std::vector<LayoutCase> cases_of(int ranks, bool whole_product) {
  std::vector<LayoutCase> cases;
  for (const parallel::MeshLayout& layout : proven_layouts(ranks)) {
    for (const Choice& choice : whole_product ? legal_choices(layout) : covering_choices(layout))
      cases.push_back(layout_cases::case_of(layout, choice));
  }
  return cases;
}

}  // namespace strata::tests
