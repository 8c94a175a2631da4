// The config sections that belong to no lower floor: how a run goes, not what a model or an
// optimizer is. Field lists are in sections.cpp; each struct's defaults stand here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/config.h"
#include "data/tokenizer/train_config.h"

namespace strata::trainer {

struct RunSection {
  std::string dir;  ///< "" = runs/JOB
  int64_t seed = 1;
  int64_t steps = 0, epochs = 0;  ///< one of them counts; 0 = the other does
  std::string resume = "auto";
  bool deterministic = true;
  std::string device = "auto";
  base::AutoInt threads;
  double hang_timeout = 60;
  std::vector<std::string> accept_changes;
  void fields(base::Fields& f);
};

struct TokenizerSection {
  std::string path;  ///< the tokenizer to use
  std::string out;   ///< where `strata tokenizer train` puts it
  data::TokenizerTrainConfig train;
  void fields(base::Fields& f);
};

struct BatchSection {
  int64_t global = 64, micro = 8, sequence = 256;
  void fields(base::Fields& f);
};

struct PrecisionSection {
  std::string compute = "bf16", master = "fp32", reduce = "fp32";
  void fields(base::Fields& f);
};

struct MemorySection {
  std::string recompute = "none";
  void fields(base::Fields& f);
};

struct EvalSection {
  int64_t every = 100, batches = 20;
  std::vector<std::string> tasks;
  int64_t samples = 8;
  std::vector<int64_t> k{1};
  std::vector<std::string> ignore;
  std::string delimiter, against, out;
  void fields(base::Fields& f);
};

struct LogSection {
  int64_t every = 10;
  bool tensorboard = true;
  std::vector<int64_t> profile;
  void fields(base::Fields& f);
};

struct GenerationSection {
  int64_t max_new_tokens = 64;
  double temperature = 1.0;
  int64_t top_k = 0;
  double top_p = 1.0;
  std::vector<std::string> stop;
  int64_t seed = 1;
  void fields(base::Fields& f);
};

}  // namespace strata::trainer
