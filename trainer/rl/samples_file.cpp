#include "trainer/rl/samples_file.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/lines.h"

namespace strata::trainer {
namespace {

constexpr int64_t kSamplesPerStep = 4;

base::Json number_or_null(double value) {
  return std::isnan(value) ? base::Json() : base::Json(value);
}

}  // namespace

void SamplesFile::add(int64_t step, const Rollout& rollout, const Scores& scores) {
  if (!out_) open(step);
  std::string lines;
  for (int64_t i = 0; i < std::min(rollout.size(), kSamplesPerStep); ++i) {
    const Answer& answer = rollout[i];
    const auto at = static_cast<size_t>(i);
    base::Json row{{"step", step}};
    if (text_.codec() != nullptr) {
      row["prompt"] = text_.prompt(answer);
      row["completion"] = text_.completion(answer);
    } else {
      row["prompt_ids"] = answer.prompt->ids;
      row["ids"] = answer.ids;
    }
    row["score"] = number_or_null(scores.total[at]);
    for (const Scores::Part& part : scores.parts)
      row["rewards"][part.name] = number_or_null(part.values[at]);
    row["finish"] = answer.reached_end ? "stop" : "length";
    lines += base::compact_json(row) + "\n";
  }
  out_->write(lines);
}

void SamplesFile::open(int64_t step) {
  std::string kept;
  if (std::filesystem::exists(file_)) {
    for (base::LineReader lines(file_); lines.next();) {
      const auto row = base::Json::parse(lines.line(), nullptr, /*allow_exceptions=*/false);
      if (row.is_object() && row.value("step", step) < step) kept.append(lines.line()).append("\n");
    }
  }
  base::write_file(file_, kept);
  out_.emplace(file_, base::OutputFile::Mode::kAppend);
}

}  // namespace strata::trainer
