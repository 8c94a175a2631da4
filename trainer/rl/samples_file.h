// RUN/samples.jsonl: some answers of each logged step, with what they were scored. Written by the
// main rank; a run that goes on drops the rows of steps that it makes again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/file.h"
#include "trainer/rewards/scorer.h"

namespace strata::trainer {

class SamplesFile {
 public:
  /// `text` outlives it.
  SamplesFile(std::filesystem::path file, const AnswerText& text)
      : file_(std::move(file)), text_(text) {}

  /// The first answers of step k: step, prompt, completion, score, the parts of it, and how it
  /// ended; ids where there is no text.
  void add(int64_t step, const Rollout& rollout, const Scores& scores);

 private:
  /// Drops rows of `step` and later, and a torn last one.
  void open(int64_t step);

  std::filesystem::path file_;
  const AnswerText& text_;
  std::optional<base::OutputFile> out_;
};

}  // namespace strata::trainer
