#include "trainer/rl/prompt_stream.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "trainer/config/run_config.h"

namespace strata::trainer {

PromptStream PromptStream::training(const RunConfig& config, const data::DatasetContext& context,
                                    int64_t longest) {
  PromptStream stream;
  std::vector<data::TrainingOrder::Source> sources;
  for (const data::TrainSource& source : config.data.train) {
    stream.sets_.push_back(std::make_unique<data::PromptSet>(source.path, context, longest));
    sources.push_back({stream.sets_.back()->size(), source.weight});
  }
  if (stream.size() == 0)
    throw base::UserError(base::kBadUsage, "data.train: names the prompts, and there are none");
  const data::TrainingOrder order(std::move(sources), static_cast<uint64_t>(config.run.seed),
                                  config.data.shuffle);
  stream.place_ = [order](int64_t n) { return order.at(n); };
  stream.endless_ = true;
  return stream;
}

PromptStream PromptStream::evaluation(const RunConfig& config, const data::DatasetContext& context,
                                      int64_t longest) {
  PromptStream stream;
  std::vector<int64_t> sizes;
  for (const data::EvalSource& source : config.data.eval) {
    stream.sets_.push_back(std::make_unique<data::PromptSet>(source.path, context, longest));
    sizes.push_back(stream.sets_.back()->size());
  }
  const data::EvaluationOrder order(sizes);
  stream.place_ = [order](int64_t n) { return order.at(n); };
  return stream;
}

int64_t PromptStream::size() const {
  int64_t size = 0;
  for (const auto& set : sets_) size += set->size();
  return size;
}

std::vector<const data::Prompt*> PromptStream::take(int64_t first, int64_t count) const {
  std::vector<const data::Prompt*> prompts;
  const int64_t end = endless_ ? first + count : std::min(first + count, size());
  for (int64_t n = first; n < end; ++n) {
    const data::SamplePlace place = place_(n);
    prompts.push_back(&sets_[static_cast<size_t>(place.source)]->at(place.index));
  }
  return prompts;
}

void PromptStream::each_row(const std::function<void(const base::JsonReader&)>& visit) const {
  for (const auto& set : sets_) {
    for (int64_t i = 0; i < set->size(); ++i) {
      const base::Json row = set->row(i);
      visit(base::JsonReader(row, set->at(i).where));
    }
  }
}

std::vector<std::string> PromptStream::describe() const {
  std::vector<std::string> lines;
  for (const auto& set : sets_) lines.push_back(set->describe());
  return lines;
}

}  // namespace strata::trainer
