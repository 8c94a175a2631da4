// Prompts in the order of training or of evaluation: which prompts step k asks is a function of
// (seed, k) alone, so all there is to resume is the step. Knows no answer and no model.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/datasets/prompts.h"
#include "data/order.h"

namespace strata::trainer {

struct RunConfig;

class PromptStream {
 public:
  /// The prompts of data.train, passed through again and again. `longest`: tokens that a prompt may
  /// have. UserError (kBadUsage) where there is none.
  static PromptStream training(const RunConfig& config, const data::DatasetContext& context,
                               int64_t longest);
  /// The prompts of data.eval, each once, in place.
  static PromptStream evaluation(const RunConfig& config, const data::DatasetContext& context,
                                 int64_t longest);

  int64_t size() const;
  /// Prompts number `first` .. `first + count` - 1 of the order; evaluation ends at size().
  std::vector<const data::Prompt*> take(int64_t first, int64_t count) const;
  /// All rows, once each, for checks: a complaint names FILE:LINE.
  void each_row(const std::function<void(const base::JsonReader&)>& visit) const;
  std::vector<std::string> describe() const;

 private:
  PromptStream() = default;
  std::vector<std::unique_ptr<data::PromptSet>> sets_;
  std::function<data::SamplePlace(int64_t)> place_;
  bool endless_ = false;
};

}  // namespace strata::trainer
