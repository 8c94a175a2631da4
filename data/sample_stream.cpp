#include "data/sample_stream.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "base/checksum.h"
#include "base/error.h"

namespace strata::data {

namespace {

std::vector<std::unique_ptr<Dataset>> datasets_of(std::vector<SampleStream::Source> sources) {
  std::vector<std::unique_ptr<Dataset>> datasets;
  for (auto& source : sources) datasets.push_back(std::move(source.dataset));
  return datasets;
}

void require_equal_rows(const std::vector<std::unique_ptr<Dataset>>& datasets) {
  for (const auto& dataset : datasets) {
    if (dataset->rows_per_sample() == datasets.front()->rows_per_sample()) continue;
    throw base::UserError(
        base::kBadData,
        fmt::format("rows of single texts and rows of pairs cannot be mixed: {}; {}",
                    datasets.front()->describe(), dataset->describe()));
  }
}

}  // namespace

SampleStream::SampleStream(std::vector<std::unique_ptr<Dataset>> datasets,
                           std::function<SamplePlace(int64_t)> place, std::optional<int64_t> size)
    : datasets_(std::move(datasets)), place_(std::move(place)), size_(size) {
  require_equal_rows(datasets_);
}

SampleStream SampleStream::training(std::vector<Source> sources, uint64_t seed, bool shuffle) {
  std::vector<TrainingOrder::Source> parts;
  for (const Source& source : sources) {
    if (source.dataset->size() == 0) {
      throw base::UserError(base::kBadData, source.dataset->describe() + ": nothing to train on");
    }
    parts.push_back({source.dataset->size(), source.weight});
  }
  const auto order = std::make_shared<const TrainingOrder>(std::move(parts), seed, shuffle);
  return {datasets_of(std::move(sources)), [order](int64_t n) { return order->at(n); },
          std::nullopt};
}

SampleStream SampleStream::evaluation(std::vector<std::unique_ptr<Dataset>> datasets) {
  std::vector<int64_t> sizes;
  for (const auto& dataset : datasets) sizes.push_back(dataset->size());
  const auto order = std::make_shared<const EvaluationOrder>(sizes);
  return {std::move(datasets), [order](int64_t n) { return order->at(n); }, order->size()};
}

SampleStream SampleStream::open_training(const DatasetContext& context, uint64_t seed) {
  if (context.config.train.empty()) {
    throw base::UserError(base::kBadUsage,
                          "data.train names nothing to train on: give it a path, such as the `out` "
                          "of `data prepare`");
  }
  std::vector<Source> sources;
  for (const TrainSource& source : context.config.train) {
    sources.push_back({open_dataset(source.path, context), source.weight});
  }
  return training(std::move(sources), seed, context.config.shuffle);
}

SampleStream SampleStream::open_evaluation(const DatasetContext& context) {
  std::vector<std::unique_ptr<Dataset>> datasets;
  for (const EvalSource& source : context.config.eval)
    datasets.push_back(open_dataset(source.path, context));
  return evaluation(std::move(datasets));
}

int64_t SampleStream::epoch_size() const {
  int64_t size = 0;
  for (const auto& dataset : datasets_) size += dataset->size();
  return size;
}

int64_t SampleStream::rows_per_sample() const {
  return datasets_.empty() ? 1 : datasets_.front()->rows_per_sample();
}

void SampleStream::get(int64_t n, std::vector<Row>& rows) const {
  const SamplePlace place = place_(n);
  datasets_[static_cast<size_t>(place.source)]->get(place.index, rows);
}

int64_t SampleStream::length(int64_t n) const {
  const SamplePlace place = place_(n);
  return datasets_[static_cast<size_t>(place.source)]->length(place.index);
}

std::vector<std::string> SampleStream::describe() const {
  std::vector<std::string> lines;
  for (const auto& dataset : datasets_) lines.push_back(dataset->describe());
  return lines;
}

std::string SampleStream::fingerprint() const {
  std::string all;
  for (const auto& dataset : datasets_) all += dataset->fingerprint() + "\n";
  return base::fingerprint(all);
}

}  // namespace strata::data
