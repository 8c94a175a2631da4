#include "trainer/report/run_record.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/config_dump.h"
#include "base/error.h"
#include "base/json.h"
#include "base/lines.h"

namespace strata::trainer {
namespace {

namespace fs = std::filesystem;

std::vector<std::pair<std::string, std::string>> flat_config(const fs::path& file) {
  std::vector<std::pair<std::string, std::string>> values;
  // Against nothing, every key is a change.
  for (const base::ConfigChange& change :
       base::compare_dumps("{}", "", base::read_file(file), file.string())) {
    values.emplace_back(change.key, change.after);
  }
  return values;
}

/// A string, or the last turn of messages; empty where there is neither.
std::string text_of(const base::JsonReader& row, const std::string& key) {
  if (!row.has(key)) return "";
  const base::Json& value = row.at(key);
  if (value.is_array() && !value.empty() && value.back().is_object())
    return base::JsonReader(value.back(), row.source()).string("content", "");
  return row.string(key);
}

std::vector<SampleRecord> read_samples(const fs::path& file) {
  std::vector<SampleRecord> samples;
  for (base::LineReader lines(file); lines.next();) {
    if (lines.line().empty()) continue;
    const base::Json object = base::parse_json(lines.line(), lines.where());
    const base::JsonReader row(object, lines.where());
    SampleRecord sample{row.integer("step", 0), text_of(row, "prompt"),
                        row.string("completion", "")};
    if (row.has("score")) sample.score = row.number("score");
    samples.push_back(std::move(sample));
  }
  return samples;
}

}  // namespace

std::vector<std::pair<double, double>> RunRecord::curve(const std::string& metric) const {
  std::vector<std::pair<double, double>> points;
  for (size_t i = 0; i < metrics.size(); ++i) {
    double step = static_cast<double>(i + 1);
    for (const auto& [key, value] : metrics[i]) {
      if (key == "step") step = value;
      if (key == metric) points.emplace_back(step, value);
    }
  }
  return points;
}

RunRecord read_run(const fs::path& folder) {
  const fs::path metrics = folder / "metrics.jsonl";
  if (!fs::exists(metrics)) {
    throw base::UserError(
        base::kBadUsage,
        fmt::format("{}: no run is there (it has no metrics.jsonl)", folder.string()));
  }
  RunRecord run;
  run.name = (folder.has_filename() ? folder : folder.parent_path()).string();
  run.metrics = base::read_metrics(metrics);
  if (const fs::path file = folder / "config.yaml"; fs::exists(file))
    run.config = flat_config(file);
  if (const fs::path file = folder / "samples.jsonl"; fs::exists(file)) {
    run.samples = read_samples(file);
  }
  return run;
}

}  // namespace strata::trainer
