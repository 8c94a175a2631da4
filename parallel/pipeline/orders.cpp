#include "parallel/pipeline/orders.h"

#include <algorithm>

namespace strata::parallel {
namespace {

Action forward(int chunk, int microbatch) {
  return {Op::kForward, static_cast<int16_t>(chunk), static_cast<int16_t>(microbatch)};
}
Action backward(int chunk, int microbatch) {
  return {Op::kBackward, static_cast<int16_t>(chunk), static_cast<int16_t>(microbatch)};
}

Schedule empty_schedule(ScheduleShape shape) {
  return {shape, std::vector<std::vector<Action>>(static_cast<size_t>(shape.stages))};
}

// The steady rhythm shared by 1f1b and its interleaved form: `warmup` forwards, then a forward and
// a backward in turn, then the rest of the backwards. The k-th forward and backward of the stage
// are told by the two functions.
template <class NthForward, class NthBackward>
std::vector<Action> alternate(int total, int warmup, NthForward nth_forward,
                              NthBackward nth_backward) {
  std::vector<Action> program;
  for (int k = 0; k < warmup; ++k) program.push_back(nth_forward(k));
  for (int k = warmup; k < total; ++k) {
    program.push_back(nth_forward(k));
    program.push_back(nth_backward(k - warmup));
  }
  for (int k = total - warmup; k < total; ++k) program.push_back(nth_backward(k));
  return program;
}

}  // namespace

Schedule accumulate_order(ScheduleShape shape) {
  Schedule schedule = empty_schedule(shape);
  for (auto& program : schedule.program) {
    for (int m = 0; m < shape.microbatches; ++m) {
      for (int c = 0; c < shape.chunks_per_stage; ++c) program.push_back(forward(c, m));
      for (int c = shape.chunks_per_stage; c-- > 0;) program.push_back(backward(c, m));
    }
  }
  return schedule;
}

Schedule forward_only_order(ScheduleShape shape) {
  Schedule schedule = empty_schedule(shape);
  for (auto& program : schedule.program) {
    for (int m = 0; m < shape.microbatches; ++m) {
      for (int c = 0; c < shape.chunks_per_stage; ++c) program.push_back(forward(c, m));
    }
  }
  return schedule;
}

Schedule gpipe_order(ScheduleShape shape) {
  Schedule schedule = empty_schedule(shape);
  for (auto& program : schedule.program) {
    for (int m = 0; m < shape.microbatches; ++m) program.push_back(forward(0, m));
    for (int m = 0; m < shape.microbatches; ++m) program.push_back(backward(0, m));
  }
  return schedule;
}

Schedule one_f_one_b_order(ScheduleShape shape) {
  Schedule schedule = empty_schedule(shape);
  for (int stage = 0; stage < shape.stages; ++stage) {
    const int warmup = std::min(shape.stages - stage - 1, shape.microbatches);
    schedule.program[static_cast<size_t>(stage)] = alternate(
        shape.microbatches, warmup, [](int k) { return forward(0, k); },
        [](int k) { return backward(0, k); });
  }
  return schedule;
}

Schedule interleaved_order(ScheduleShape shape) {
  Schedule schedule = empty_schedule(shape);
  const int stages = shape.stages, chunks = shape.chunks_per_stage;
  const int total = shape.microbatches * chunks, round = stages * chunks;
  // Micro-batches go in groups of `stages`: a group passes chunk 0, then chunk 1, and so on;
  // backward in the opposite order of chunks.
  const auto microbatch = [&](int k) { return k / round * stages + k % stages; };
  const auto chunk = [&](int k) { return k % round / stages; };
  for (int stage = 0; stage < stages; ++stage) {
    const int warmup = std::min((stages - stage - 1) * 2 + (chunks - 1) * stages, total);
    schedule.program[static_cast<size_t>(stage)] = alternate(
        total, warmup, [&](int k) { return forward(chunk(k), microbatch(k)); },
        [&](int k) { return backward(chunks - 1 - chunk(k), microbatch(k)); });
  }
  return schedule;
}

Schedule zero_bubble_order(ScheduleShape shape) {
  Schedule schedule = empty_schedule(shape);
  for (int stage = 0; stage < shape.stages; ++stage) {
    auto& program = schedule.program[static_cast<size_t>(stage)];
    const int warmup = std::min(shape.stages - stage - 1, shape.microbatches);
    for (int k = 0; k < warmup; ++k) program.push_back(forward(0, k));
    // 1f1b, but only the gradient of the input is made at once. The weights follow `stage`
    // micro-batches later: the later the stage, the sooner its gradients are waited for, and the
    // fewer forwards it holds meanwhile; so each stage keeps as much as the first.
    for (int k = 0; k < shape.microbatches; ++k) {
      if (k + warmup < shape.microbatches) program.push_back(forward(0, k + warmup));
      program.push_back({Op::kInputGrad, 0, static_cast<int16_t>(k)});
      if (k >= stage) program.push_back({Op::kWeightGrad, 0, static_cast<int16_t>(k - stage)});
    }
    for (int k = std::max(0, shape.microbatches - stage); k < shape.microbatches; ++k) {
      program.push_back({Op::kWeightGrad, 0, static_cast<int16_t>(k)});
    }
  }
  return schedule;
}

}  // namespace strata::parallel
