#include "trainer/rewards/scorer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace strata::trainer {
namespace {

std::string name_of(const RewardSource& source) {
  if (!source.name.empty()) return source.name;
  if (!source.function.empty()) return source.function;
  if (!source.command.empty()) return "command";
  if (!source.http.empty()) return "http";
  const std::filesystem::path path = std::filesystem::path(source.model).lexically_normal();
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

}  // namespace

Scorer::Scorer(const std::vector<RewardSource>& sources, const std::string& key,
               const RewardContext& context) {
  for (size_t i = 0; i < sources.size(); ++i) {
    std::string name = name_of(sources[i]);
    const auto same = [&](const Weighted& other) { return other.name == name; };
    if (std::ranges::any_of(rewards_, same)) name += fmt::format("_{}", i);
    rewards_.push_back(
        {name, sources[i].weight, open_reward(sources[i], fmt::format("{}[{}]", key, i), context)});
  }
}

void Scorer::check_row(const base::JsonReader& row) const {
  for (const Weighted& one : rewards_) one.reward->check_row(row);
}

Scores Scorer::score(const Rollout& rollout) {
  const auto count = static_cast<size_t>(rollout.size());
  Scores scores;
  scores.total.assign(count, std::nan(""));
  for (const Weighted& one : rewards_) {
    scores.parts.push_back({one.name, one.reward->score(rollout)});
    for (size_t i = 0; i < count; ++i) {
      const double value = scores.parts.back().values[i];
      if (std::isnan(value)) continue;
      double& total = scores.total[i];
      total = (std::isnan(total) ? 0 : total) + one.weight * value;
    }
  }
  return scores;
}

std::string Scorer::describe() const {
  std::string text;
  for (const Weighted& one : rewards_)
    text += fmt::format("{}{} x {}", text.empty() ? "" : ", ", one.name, one.weight);
  return text;
}

void log_parts(const Scores& scores, const std::string& prefix, MetricLog& metrics) {
  for (const Scores::Part& part : scores.parts)
    metrics.set(prefix + "/" + part.name, mean_of_present(part.values));
}

double mean_of_present(const std::vector<double>& values) {
  double sum = 0, count = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    sum += value;
    ++count;
  }
  return count > 0 ? sum / count : std::nan("");
}

int64_t count_missing(const std::vector<double>& values) {
  return std::ranges::count_if(values, [](double value) { return std::isnan(value); });
}

}  // namespace strata::trainer
