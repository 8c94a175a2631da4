// The config sections `data` and `prepare`: where the samples of a job come from, and what `strata
// data prepare` makes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/config.h"

namespace strata::data {

/// One source of training samples: a folder of token shards, a shard file (.h5), JSONL or text.
struct TrainSource {
  std::string path;
  double weight = 1.0;  ///< its share of the samples, beside the other sources' weights
  void fields(base::Fields& f);
};

struct EvalSource {
  std::string path;
  void fields(base::Fields& f);
};

struct DataConfig {
  std::vector<TrainSource> train;
  std::vector<EvalSource> eval;
  std::string format = "auto";
  std::vector<std::pair<std::string, std::string>> columns;  ///< our name of a column -> the files'
  bool shuffle = true;
  bool cross_document = false;
  std::string too_long = "error";

  void fields(base::Fields& f);
  /// The files' name of a column.
  std::string column(const std::string& name) const;
};

struct PrepareConfig {
  std::vector<std::string> inputs;
  std::string out;
  std::string field = "text";

  void fields(base::Fields& f);
};

}  // namespace strata::data
