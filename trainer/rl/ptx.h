// Text that PPO mixes into the policy's updates, so that the model does not forget it (Ouyang et
// al., "InstructGPT", 2022): which rows an update takes is a function of its number alone.
#pragma once

#include <memory>
#include <optional>

#include "data/sample_stream.h"
#include "parallel/comm/communicator.h"
#include "trainer/rl/answer_batches.h"

namespace strata::trainer {

class PtxStream {
 public:
  /// The files of ppo.ptx_data; nothing where ppo.ptx_coef is 0. `rows` says how data.train's rows
  /// are read; codec and template outlive the stream.
  static std::optional<PtxStream> open(const RunConfig& config, const data::DatasetContext& rows,
                                       const parallel::ParallelContext& context);

  /// Appends `rows` rows of text to the micro-batches of an update. Their weights are such that the
  /// update's loss is that of its `answer_tokens` answer tokens plus the coefficient times the
  /// text's mean loss per token. Collective.
  void append(int64_t update, int64_t rows, double answer_tokens,
              std::vector<data::Batch>& batches) const;
  std::vector<std::string> describe() const { return stream_.describe(); }

 private:
  PtxStream(std::unique_ptr<data::DataConfig> files, data::SampleStream stream, double coefficient,
            const DealOptions& deal, parallel::Communicator& gradients)
      : files_(std::move(files)),
        stream_(std::move(stream)),
        coefficient_(coefficient),
        deal_(deal),
        gradients_(gradients) {}

  std::unique_ptr<data::DataConfig> files_;  ///< the stream borrows it
  data::SampleStream stream_;
  double coefficient_;
  DealOptions deal_;
  parallel::Communicator& gradients_;
};

}  // namespace strata::trainer
