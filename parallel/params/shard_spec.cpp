#include "parallel/params/shard_spec.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace strata::parallel {
namespace {

int64_t product(const std::vector<int64_t>& sizes, size_t first = 0) {
  return std::accumulate(sizes.begin() + static_cast<std::ptrdiff_t>(first), sizes.end(),
                         int64_t{1}, std::multiplies<>());
}

}  // namespace

std::vector<int64_t> ShardSpec::local_shape() const {
  std::vector<int64_t> shape = global_shape;
  int64_t held = 0;
  for (const Range& range : ranges) held += range.end - range.begin;
  shape.at(static_cast<size_t>(dim)) = held;
  return shape;
}

int64_t ShardSpec::local_size() const { return product(local_shape()); }

int64_t ShardSpec::global_size() const { return product(global_shape); }

std::vector<Run> runs_of(const ShardSpec& spec) {
  const auto dim = static_cast<size_t>(spec.dim);
  const int64_t inner =
      product(spec.global_shape, dim + 1);  // elements of one index of the cut dimension
  const int64_t row = inner * spec.global_shape.at(dim);         // ... and of all of them
  const int64_t rows = row == 0 ? 0 : spec.global_size() / row;  // how often the cut repeats
  std::vector<Run> runs;
  runs.reserve(static_cast<size_t>(rows) * spec.ranges.size());
  int64_t local = 0;
  for (int64_t r = 0; r < rows; ++r) {
    for (const Range& range : spec.ranges) {
      const int64_t count = (range.end - range.begin) * inner;
      if (count == 0) continue;
      const int64_t global = r * row + range.begin * inner;
      Run* last = runs.empty() ? nullptr : &runs.back();
      const bool goes_on = last && last->global + last->count == global &&
                           last->copy == range.copy && last->copies == range.copies;
      if (goes_on)
        last->count += count;
      else
        runs.push_back({local, global, count, range.copy, range.copies});
      local += count;
    }
  }
  return runs;
}

std::vector<Run> runs_within(const ShardSpec& spec, int64_t begin, int64_t end) {
  std::vector<Run> cut;
  for (Run run : runs_of(spec)) {
    const int64_t first = std::max(run.local, begin), last = std::min(run.local + run.count, end);
    if (first >= last) continue;
    run.global += first - run.local;
    run.local = first;
    run.count = last - first;
    cut.push_back(run);
  }
  return cut;
}

Range even_share(int64_t size, int part, int parts) {
  base::ensure(parts > 0 && part >= 0 && part < parts, "a share is one of its parts");
  const int64_t base = size / parts, rest = size % parts;
  const int64_t begin = part * base + std::min<int64_t>(part, rest);
  return {begin, begin + base + (part < rest ? 1 : 0)};
}

ShardSpec replicated(std::vector<int64_t> shape, int copy, int copies) {
  if (shape.empty()) shape = {1};
  const int64_t all = shape.front();
  return {std::move(shape), 0, {{0, all, copy, copies}}};
}

ShardSpec cut_evenly(std::vector<int64_t> shape, int dim, int part, int parts) {
  const Range share = even_share(shape.at(static_cast<size_t>(dim)), part, parts);
  return {std::move(shape), dim, {share}};
}

}  // namespace strata::parallel
