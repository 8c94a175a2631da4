// strata sft: next-token training on answers.
#include "trainer/jobs/conversation.h"
#include "trainer/jobs/jobs.h"
#include "trainer/jobs/start.h"
#include "trainer/jobs/supervised.h"
#include "trainer/loop/run_loop.h"
#include "trainer/objectives/next_token.h"
#include "trainer/session/session.h"

namespace strata::trainer {

void run_sft(Session& session) {
  const RunConfig& config = session.config();
  // 1. Tokenizer, template, starting weights, data: all rows are read and checked here.
  ModelStart start = start_model(session, model::HeadKind::kLanguage);
  check_steps_fit(session, start.info.config);
  const std::optional<data::ChatTemplate> chat = choose_chat(config, start.codec.get());
  data::DatasetContext rows{config.data, config.batch.sequence, start.codec.get(),
                            start.info.config.vocabulary()};
  rows.chat = chat ? &*chat : nullptr;
  rows.train_on_prompts = config.sft.train_on == "all";
  rows.packing = config.sft.packing;
  data::SampleStream train =
      data::SampleStream::open_training(rows, static_cast<uint64_t>(config.run.seed));
  data::SampleStream eval = data::SampleStream::open_evaluation(rows);
  const data::LoaderOptions batches = loader_options(config, session.context());
  const int64_t steps = steps_of(config, train, batches.global);
  check_stops(session, train, rows.chat, start.codec.get(), start.info);

  // 2. The run's folder, its tokenizer, then the model.
  session.open_folder();
  for (const std::string& line : train.describe()) session.log().info("train: " + line);
  for (const std::string& line : eval.describe()) session.log().info("eval:  " + line);
  if (chat) start.tokenizer = keep_tokenizer(session, *start.codec, *chat);
  HeldModel model = make_trained_model(session.context(), config, start.info);
  describe_model(session, model);
  load_start(start, *model.decoder);

  // 3. Training.
  Supervised job(session, {std::move(model), std::make_unique<NextToken>(), std::move(train),
                           std::move(eval), start.tokenizer, config.sft.neftune});
  run_loop(session, job, steps);
}

}  // namespace strata::trainer
