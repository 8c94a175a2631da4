#include "trainer/jobs/supervised.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "parallel/comm/collectives.h"
#include "parallel/mesh/context.h"
#include "trainer/jobs/start.h"
#include "trainer/models/save.h"
#include "trainer/plan/fit.h"
#include "trainer/session/session.h"

namespace strata::trainer {

data::LoaderOptions loader_options(const RunConfig& config,
                                   const parallel::ParallelContext& context) {
  data::LoaderOptions options;
  options.global = config.batch.global;
  options.micro = config.batch.micro;
  options.sequence = config.batch.sequence;
  options.data_rank = context.coord().data;
  options.data_size = context.layout().data();
  options.context_rank = context.coord().context;
  options.context_size = context.layout().context();
  check_rows_fit(config, context.layout());
  options.length_multiple =
      std::lcm(options.length_multiple, length_unit(config, context.layout()));
  return options;
}

Supervised::Supervised(Session& session, Parts parts)
    : session_(session),
      model_(std::move(parts.model)),
      objective_(std::move(parts.objective)),
      data_(parts.train.fingerprint()),
      engine_(*model_.decoder, model_.optimizer.get(),
              engine_options(session.config(), parts.noise)),
      loader_(std::move(parts.train), loader_options(session.config(), session.context())),
      eval_(std::move(parts.eval)),
      tokenizer_(std::move(parts.tokenizer)) {}

bool Supervised::step(int64_t k, double learning_rate, MetricLog& metrics) {
  std::vector<data::Batch> microbatches = loader_.next();
  last_work_ = work_of(microbatches);
  prepare(microbatches);
  return engine_.step(k, microbatches, *objective_, learning_rate, metrics);
}

void Supervised::evaluate(MetricLog& metrics) {
  // Batches as in training, so that every layout evaluates the same samples.
  const int64_t available = data::steps_in(eval_.size().value_or(0), loader_.options().global);
  const int64_t wanted = session_.config().eval.batches;
  const int64_t batches = wanted == 0 ? available : std::min(available, wanted);
  for (int64_t batch = 0; batch < batches; ++batch) {
    std::vector<data::Batch> microbatches = data::batches_of_step(eval_, loader_.options(), batch);
    prepare(microbatches);
    engine_.evaluate(microbatches, *objective_, metrics);
  }
}

std::vector<CheckpointModel> Supervised::models() {
  return {{"", model_.params.get(), model_.optimizer.get()}};
}

void Supervised::restore(std::string_view state, int64_t step) {
  if (!state.empty() && state != data_) {
    session_.log().warning(
        "the training rows are not those of the checkpoint: the run goes on with the new ones and "
        "will not end as an unbroken one would");
  }
  loader_.restore({step});
}

void Supervised::save_model(const std::filesystem::path& folder) {
  save_model_folder(folder, model_.info, *model_.decoder, tokenizer_);
}

Algorithm::Work Supervised::work_of(std::span<const data::Batch> microbatches) const {
  const parallel::ParallelContext& context = session_.context();
  double tokens = 0, flops = 0;
  for (const data::Batch& batch : microbatches) {
    const auto here = static_cast<double>(std::ranges::count_if(
        batch.documents, [](int32_t document) { return document != data::kPadding; }));
    tokens += here;
    flops +=
        here * model::flops_per_token(model_.info.config, batch.length * context.layout().context(),
                                      model_.info.head);
  }
  return {static_cast<int64_t>(parallel::all_sum(context.gradients(), tokens)),
          parallel::all_sum(context.gradients(), flops)};
}

double Supervised::data_wait_seconds() const { return loader_.wait_seconds(); }

}  // namespace strata::trainer
