// What jobs on judged answers (reward, dpo) share: the model, the tokenizer with its chat template,
// and the rows of data.train and data.eval, read and checked.
#pragma once

#include <memory>
#include <vector>

#include "data/chat/chat_template.h"
#include "data/datasets/format.h"
#include "data/sample_stream.h"
#include "trainer/jobs/start.h"
#include "trainer/jobs/supervised.h"

namespace strata::trainer {

class Session;

/// The rows borrow the tokenizer and the template: it lives as long as the job does.
struct AnswerInput {
  ModelStart start;
  std::unique_ptr<data::ChatTemplate> chat;  ///< null without a tokenizer
  data::SampleStream train, eval;
};

/// Reads what the config names; rows must be of one of `kinds`. UserError (kBadUsage, kBadData)
/// before any folder is made. Collective.
AnswerInput open_answers(Session& session, model::HeadKind head, std::vector<data::RowKind> kinds);

/// Opens the run's folder, keeps the tokenizer there, and makes the model, filled from model.from.
/// Says in the log what is trained on what. Collective.
HeldModel open_trained(Session& session, AnswerInput& input);

/// The parts of a Supervised job; the streams are moved out of `input`.
Supervised::Parts parts_of(AnswerInput& input, HeldModel model,
                           std::unique_ptr<Objective> objective);

}  // namespace strata::trainer
