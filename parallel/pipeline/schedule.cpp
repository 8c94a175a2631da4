#include "parallel/pipeline/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "base/error.h"
#include "parallel/pipeline/orders.h"
#include "parallel/pipeline/schedule_csv.h"

namespace strata::parallel {
namespace {

std::string one_stage(ScheduleShape shape) {
  return shape.stages == 1
             ? ""
             : fmt::format("parallel.pipeline is {}: accumulate is the schedule of one stage",
                           shape.stages);
}

std::string one_chunk(ScheduleShape shape) {
  if (shape.chunks_per_stage == 1) return "";
  return fmt::format(
      "parallel.chunks is {}, but only parallel.schedule interleaved takes more than 1",
      shape.chunks_per_stage);
}

std::string whole_groups(ScheduleShape shape) {
  if (shape.microbatches % shape.stages == 0) return "";
  return fmt::format(
      "parallel.schedule interleaved takes micro-batches in groups of parallel.pipeline = {}, and "
      "this step has {}: "
      "choose batch.micro so that their number is a multiple of {}",
      shape.stages, shape.microbatches, shape.stages);
}

constexpr std::array<ScheduleEntry, 5> kSchedules{{
    {"accumulate", "one stage: forward and backward of each micro-batch in turn", accumulate_order,
     one_stage},
    {"gpipe", "all forwards, then all backwards", gpipe_order, one_chunk},
    {"1f1b", "one forward, one backward: fewest activations", one_f_one_b_order, one_chunk},
    {"interleaved", "1f1b over several chunks a stage: smaller bubble, more messages",
     interleaved_order, whole_groups},
    {"zero_bubble", "weight gradients put off to fill the bubble", zero_bubble_order, one_chunk},
}};

std::vector<std::string> training_names() {
  return {"gpipe", "1f1b", "interleaved", "zero_bubble"};
}

/// Plays an own schedule, so that what is wrong with it is said with the file's name.
Schedule own_schedule(const std::string& file, ScheduleShape shape) {
  if (!std::filesystem::exists(file))
    throw base::UserError(base::kBadUsage, fmt::format("parallel.schedule: {} is not there", file));
  Schedule schedule = read_schedule_csv(file, shape);
  try {
    check(lower(schedule));
  } catch (const base::UserError& error) {
    throw base::UserError(base::kBadUsage, fmt::format("{}: {}", file, error.what()));
  }
  for (const std::vector<Action>& program : schedule.program) {
    if (std::ranges::find(program, Op::kForward, &Action::op) != program.end() &&
        std::ranges::all_of(program, [](const Action& a) { return a.op == Op::kForward; })) {
      throw base::UserError(
          base::kBadUsage,
          fmt::format("{}: forwards alone train nothing; each needs its B, or I and W", file));
    }
  }
  return schedule;
}

}  // namespace

std::span<const ScheduleEntry> schedules() { return kSchedules; }

Schedule make_schedule(const std::string& name_or_file, ScheduleShape shape) {
  if (name_or_file.ends_with(".csv")) return own_schedule(name_or_file, shape);
  for (const ScheduleEntry& entry : kSchedules) {
    if (entry.name != name_or_file) continue;
    if (shape.stages == 1) return accumulate_order(shape);
    const std::string why = entry.legal(shape);
    if (!why.empty()) throw base::UserError(base::kBadUsage, why);
    return entry.compute_order(shape);
  }
  throw base::UserError(
      base::kBadUsage,
      fmt::format(
          "parallel.schedule: '{}' is no schedule{}; there are {}, or a CSV file (name.csv)",
          name_or_file, base::did_you_mean(name_or_file, training_names()),
          fmt::join(training_names(), ", ")));
}

Schedule lower(Schedule compute_only) {
  const ScheduleShape shape = compute_only.shape;
  const int chunks = shape.stages * shape.chunks_per_stage;
  Schedule lowered{shape, std::vector<std::vector<Action>>(compute_only.program.size())};
  for (int stage = 0; stage < shape.stages; ++stage) {
    for (const Action& action : compute_only.program[static_cast<size_t>(stage)]) {
      const int chunk = action.chunk * shape.stages + stage;
      // Chunks of one stage alone follow each other in memory: there are no messages.
      const bool from_previous = shape.stages > 1 && chunk > 0,
                 to_next = shape.stages > 1 && chunk + 1 < chunks;
      auto& program = lowered.program[static_cast<size_t>(stage)];
      const auto message = [&](Op op) { program.push_back({op, action.chunk, action.microbatch}); };
      const bool is_forward = action.op == Op::kForward;
      const bool is_backward = action.op == Op::kBackward || action.op == Op::kInputGrad;
      if (is_forward && from_previous) message(Op::kRecvActivation);
      if (is_backward && to_next) message(Op::kRecvGrad);
      program.push_back(action);
      if (is_forward && to_next) message(Op::kSendActivation);
      if (is_backward && from_previous) message(Op::kSendGrad);
    }
  }
  return lowered;
}

}  // namespace strata::parallel
