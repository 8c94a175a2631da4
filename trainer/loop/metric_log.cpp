#include "trainer/loop/metric_log.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "parallel/comm/collectives.h"

namespace strata::trainer {

void MetricLog::Entry::add(std::span<const double> more, double more_weight) {
  sums.resize(more.size());
  for (size_t i = 0; i < more.size(); ++i) sums[i] += more[i];
  weight += more_weight;
}

double MetricLog::Entry::value() const {
  if (kind != Kind::kErrorByBin) return sums.front() / weight;
  double off = 0;
  for (const double sum : sums) off += std::abs(sum);
  return off / weight;
}

MetricLog::Entry& MetricLog::entry(std::string_view name) {
  const auto at = std::ranges::find(entries_, name, &Entry::name);
  if (at != entries_.end()) return *at;
  entries_.push_back({std::string(name)});
  return entries_.back();
}

void MetricLog::add(std::string_view name, double sum, double weight) {
  entry(name).add({&sum, 1}, weight);
}

void MetricLog::add_by_bin(std::string_view name, std::span<const double> sums, double weight) {
  Entry& item = entry(name);
  item.kind = Kind::kErrorByBin;
  item.add(sums, weight);
}

void MetricLog::set(std::string_view name, double value) {
  entry(name) = {std::string(name), {value}, 1, Kind::kAgreed};
}

MetricLog::Values MetricLog::reduce(parallel::Communicator& world) {
  std::vector<Entry> all = std::move(entries_);
  entries_.clear();
  if (world.size() > 1) {
    // Ranks may hold different names (only the last pipeline stage knows the loss), so they travel
    // as text; JSON keeps every bit of a number.
    nlohmann::ordered_json mine = nlohmann::ordered_json::array();
    for (const Entry& item : all) mine.push_back({item.name, item.sums, item.weight, item.kind});
    std::vector<std::string> texts = parallel::gather_strings(world, nlohmann::to_string(mine));
    all.clear();
    for (const std::string& text : texts) {
      for (const auto& row : nlohmann::ordered_json::parse(text)) {
        const std::string name = row[0];
        // NaN and Inf have no JSON form and arrive as null.
        const auto number = [](const auto& value) {
          return value.is_null() ? std::nan("") : value.template get<double>();
        };
        auto at = std::ranges::find(all, name, &Entry::name);
        if (at == all.end()) at = all.insert(at, {name});
        std::vector<double> sums;
        for (const auto& sum : row[1]) sums.push_back(number(sum));
        at->kind = row[3].get<Kind>();
        if (at->kind == Kind::kAgreed) *at = {name, {}, 0, Kind::kAgreed};
        at->add(sums, number(row[2]));
      }
    }
  }
  nlohmann::ordered_json means = nlohmann::ordered_json::array();
  Values values;
  for (const Entry& item : all) {
    if (item.weight != 0) values.emplace_back(item.name, item.value());
  }
  if (world.size() == 1) return values;
  for (const auto& [name, value] : values) means.push_back({name, value});
  const auto agreed =
      nlohmann::ordered_json::parse(parallel::broadcast_string(world, nlohmann::to_string(means)));
  values.clear();
  for (const auto& row : agreed)
    values.emplace_back(row[0], row[1].is_null() ? std::nan("") : row[1].get<double>());
  return values;
}

double value_of(const MetricLog::Values& values, std::string_view name, double otherwise) {
  for (const auto& [key, value] : values) {
    if (key == name) return value;
  }
  return otherwise;
}

}  // namespace strata::trainer
