// strata eval: loss, perplexity and bits per byte of a model on held-out data.
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "trainer/jobs/jobs.h"
#include "trainer/jobs/start.h"
#include "trainer/jobs/supervised.h"
#include "trainer/objectives/next_token.h"
#include "trainer/session/session.h"
#include "trainer/use/opened_model.h"

namespace strata::trainer {

void run_eval(Session& session, bool as_json) {
  const RunConfig& config = session.config();
  const std::string path = config.model.from.empty() ? config.run.dir : config.model.from;
  const OpenedModel opened = open_model(session, path);
  const data::DatasetContext rows{config.data, config.batch.sequence,
                                  opened.tokenizer ? &*opened.tokenizer : nullptr,
                                  opened.source.info.config.vocabulary()};
  check_sequence(config, opened.source.info.config);
  const data::SampleStream stream = data::SampleStream::open_evaluation(rows);
  if (stream.size().value_or(0) == 0)
    throw base::UserError(base::kBadUsage, "data.eval: says what to measure on, and is not set");

  Engine engine(*opened.model.decoder, nullptr, {});
  const data::LoaderOptions options = loader_options(config, session.context());
  const int64_t available = data::steps_in(*stream.size(), options.global);
  const int64_t batches =
      config.eval.batches == 0 ? available : std::min(available, config.eval.batches);
  MetricLog log;
  const NextToken objective;
  for (int64_t batch = 0; batch < batches; ++batch)
    engine.evaluate(data::batches_of_step(stream, options, batch), objective, log);

  MetricLog::Values values = log.reduce(session.world());
  values.emplace_back("perplexity", std::exp(value_of(values, "loss", std::nan(""))));
  values.emplace_back("sequences",
                      static_cast<double>(std::min(batches * options.global, *stream.size())));
  if (!session.is_main_rank()) return;
  if (!as_json) {
    for (const auto& [name, value] : values) fmt::print("{:<14} {:.6g}\n", name, value);
    return;
  }
  base::Json answer{{"model", path}};
  for (const auto& [name, value] : values) answer[name] = value;
  fmt::print("{}", base::pretty_json(answer));
}

}  // namespace strata::trainer
