#include "parallel/params/bucket_layout.h"

#include <array>

namespace strata::parallel {
namespace {

constexpr int64_t kLine = 16;  // elements: 64 bytes of fp32

int64_t round_up(int64_t size, int64_t unit) { return (size + unit - 1) / unit * unit; }

}  // namespace

std::vector<BucketPlan> plan_buckets(std::vector<Param>& params, const std::vector<bool>& alone,
                                     const BucketRules& rules) {
  std::vector<BucketPlan> plans;
  std::array<int, 2> open = {
      -1, -1};  // the bucket being filled with frozen and with trained parameters
  for (size_t i = 0; i < params.size(); ++i) {
    Param& param = params[i];
    const bool trained = rules.trained && param.spec.trainable;
    const int64_t size = round_up(param.spec.shard.local_size(), kLine);

    // 1. A bucket with room in it, or a new one.
    int& bucket = open[trained];
    const auto has_room = [&](const BucketPlan& plan) {
      return plan.block == param.block && plan.size + size <= rules.bucket_elements;
    };
    if (alone[i] || bucket < 0 || !has_room(plans[static_cast<size_t>(bucket)])) {
      bucket = static_cast<int>(plans.size());
      plans.push_back({param.block, trained, {}, 0});
    }

    // 2. The parameter's place in it.
    BucketPlan& plan = plans[static_cast<size_t>(bucket)];
    param.bucket = bucket;
    param.offset = plan.size;
    plan.params.push_back(static_cast<int32_t>(i));
    plan.size += size;
    if (alone[i]) bucket = -1;
  }
  for (BucketPlan& plan : plans) plan.size = round_up(plan.size, kLine * rules.slices);
  return plans;
}

}  // namespace strata::parallel
