#include "base/error.h"
#include "trainer/jobs/jobs.h"
#include "trainer/jobs/start.h"
#include "trainer/jobs/supervised.h"
#include "trainer/loop/run_loop.h"
#include "trainer/objectives/next_token.h"
#include "trainer/session/session.h"

namespace strata::trainer {

void run_pretrain(Session& session) {
  const RunConfig& config = session.config();
  // 1. Tokenizer, starting weights, data: all rows are read and checked here.
  const ModelStart start = start_model(session, model::HeadKind::kLanguage);
  check_steps_fit(session, start.info.config);
  const data::DatasetContext rows{config.data, config.batch.sequence, start.codec.get(),
                                  start.info.config.vocabulary()};
  data::SampleStream train =
      data::SampleStream::open_training(rows, static_cast<uint64_t>(config.run.seed));
  data::SampleStream eval = data::SampleStream::open_evaluation(rows);
  const data::LoaderOptions batches = loader_options(config, session.context());
  const int64_t steps = steps_of(config, train, batches.global);

  // 2. The run's folder, then the model.
  session.open_folder();
  for (const std::string& line : train.describe()) session.log().info("train: " + line);
  for (const std::string& line : eval.describe()) session.log().info("eval:  " + line);
  HeldModel model = make_trained_model(session.context(), config, start.info);
  describe_model(session, model);
  load_start(start, *model.decoder);

  // 3. Training.
  Supervised job(session, {std::move(model), std::make_unique<NextToken>(), std::move(train),
                           std::move(eval), start.tokenizer});
  run_loop(session, job, steps);
}

}  // namespace strata::trainer
