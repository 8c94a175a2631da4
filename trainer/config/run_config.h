// The whole config of a job: one schema for all commands, each reads the sections it needs.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/config.h"
#include "data/config.h"
#include "model/config.h"
#include "parallel/mesh/config.h"
#include "parallel/optimizer/config.h"
#include "trainer/checkpoint/config.h"
#include "trainer/config/post_training.h"
#include "trainer/config/sections.h"

namespace strata::trainer {

struct RunConfig {
  RunSection run;
  model::ModelConfig model;
  TokenizerSection tokenizer;
  data::DataConfig data;
  data::PrepareConfig prepare;
  BatchSection batch;
  parallel::OptimizerConfig optimizer;
  parallel::ParallelConfig parallel;
  PrecisionSection precision;
  MemorySection memory;
  EvalSection eval;
  CheckpointConfig checkpoint;
  LogSection log;
  LoraSection lora;
  GenerationSection generation;
  SftSection sft;
  RewardSection reward;
  PpoSection ppo;
  DpoSection dpo;
  GrpoSection grpo;
  std::vector<RewardSource> rewards, watch;

  void fields(base::Fields& f);
  /// Rules that tie sections together.
  void check(base::Problems& problems) const;
};

}  // namespace strata::trainer
