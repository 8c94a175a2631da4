// A pipeline schedule is data: for each stage the list of what it does, in order. An author writes
// the compute order; lower() puts the messages in; check() plays all stages at once and proves that
// it ends. Knows no tensor, no model and no communicator.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strata::parallel {

/// B is a whole backward; I (gradient of the input) and W (of the weights) are its halves.
enum class Op : char {
  kForward = 'F',
  kBackward = 'B',
  kInputGrad = 'I',
  kWeightGrad = 'W',
  kSendActivation = 's',
  kRecvActivation = 'r',
  kSendGrad = 'S',
  kRecvGrad = 'R',
};

/// `chunk` counts this stage's chunks from 0; the global chunk is chunk * stages + stage.
struct Action {
  Op op;
  int16_t chunk;
  int16_t microbatch;
  bool operator==(const Action&) const = default;
};

struct ScheduleShape {
  int stages = 1, chunks_per_stage = 1, microbatches = 1;
};

struct Schedule {
  ScheduleShape shape;
  std::vector<std::vector<Action>> program;  ///< program[stage]
};

/// One row of the table of schedules. `legal` gives "" or why the shape does not fit, naming
/// parallel.KEY or batch.KEY.
struct ScheduleEntry {
  std::string_view name, summary;
  Schedule (*compute_order)(ScheduleShape);
  std::string (*legal)(ScheduleShape);
};
/// Of training steps: accumulate (one stage), gpipe, 1f1b, interleaved, zero_bubble.
std::span<const ScheduleEntry> schedules();

/// The compute order of a training step: of a named schedule, or of a CSV file (a row a stage,
/// cells such as F0.3 = forward, chunk 0, microbatch 3, or F3 where stages have one chunk), which
/// is checked. One stage and any flush schedule give accumulate. A UserError (kBadUsage) names
/// parallel.schedule and the valid names, or the file.
Schedule make_schedule(const std::string& name_or_file, ScheduleShape shape);

/// Puts the sends and receives in.
Schedule lower(Schedule compute_only);

struct ScheduleFacts {
  double bubble =
      0;  ///< idle share of the time of all stages, at F = 1, B = 2 (I = W = 1), free messages
  std::vector<int>
      peak_in_flight;  ///< per stage: most microbatch activations kept at once, over all chunks
};

/// The first-in-first-out queues that a rank's messages wait in: one for all, two (activations,
/// gradients), or four (each sent or received). With fewer than four check() shows which schedules
/// block themselves.
enum class Queues { kOne, kTwo, kFour };

/// Plays all stages with blocking sends: every message pairs, every F has its B (or I and W) in
/// order, nothing waits for ever; throws a UserError (kBadUsage) that says which stage waits for
/// what.
ScheduleFacts check(const Schedule& lowered, Queues queues = Queues::kFour);

/// Step by stage grid, as in papers.
std::string table(const Schedule& schedule);

}  // namespace strata::parallel
