#include "trainer/jobs/answers.h"

#include <utility>

#include "trainer/jobs/conversation.h"
#include "trainer/session/session.h"

namespace strata::trainer {
AnswerInput open_answers(Session& session, model::HeadKind head, std::vector<data::RowKind> kinds) {
  const RunConfig& config = session.config();
  ModelStart start = start_model(session, head);
  check_steps_fit(session, start.info.config);
  std::unique_ptr<data::ChatTemplate> chat;
  if (auto chosen = choose_chat(config, start.codec.get()))
    chat = std::make_unique<data::ChatTemplate>(*std::move(chosen));
  data::DatasetContext rows{config.data, config.batch.sequence, start.codec.get(),
                            start.info.config.vocabulary()};
  rows.chat = chat.get();
  rows.kinds = std::move(kinds);
  data::SampleStream train =
      data::SampleStream::open_training(rows, static_cast<uint64_t>(config.run.seed));
  data::SampleStream eval = data::SampleStream::open_evaluation(rows);
  return {std::move(start), std::move(chat), std::move(train), std::move(eval)};
}

HeldModel open_trained(Session& session, AnswerInput& input) {
  session.open_folder();
  for (const std::string& line : input.train.describe()) session.log().info("train: " + line);
  for (const std::string& line : input.eval.describe()) session.log().info("eval:  " + line);
  ModelStart& start = input.start;
  if (input.chat) start.tokenizer = keep_tokenizer(session, *start.codec, *input.chat);
  HeldModel model = make_trained_model(session.context(), session.config(), start.info);
  describe_model(session, model);
  load_start(start, *model.decoder);
  return model;
}

Supervised::Parts parts_of(AnswerInput& input, HeldModel model,
                           std::unique_ptr<Objective> objective) {
  return {std::move(model), std::move(objective), std::move(input.train), std::move(input.eval),
          input.start.tokenizer};
}

}  // namespace strata::trainer
